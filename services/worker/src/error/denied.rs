//! Missing ACLs: which right a user lacks, and on what.

use rdkafka::error::RDKafkaErrorCode;

use super::Error;
use crate::config::{Config, Topics};

impl Error {
    /// [`Error::Denied`], where a missing ACL is the cause.
    pub(crate) fn or_denied(self, config: &Config) -> Self {
        let (Self::Topic { cause, .. } | Self::Broken { cause, .. } | Self::Abort { cause, .. }) =
            &self
        else {
            return self;
        };
        let Some(code) = cause.rdkafka_error_code() else {
            return self;
        };
        let (topics, kafka) = (&config.topics, &config.kafka);
        let (right, resource) = match (code, &self) {
            (RDKafkaErrorCode::GroupAuthorizationFailed, _) => {
                ("Read", format!("group {}", kafka.group))
            }
            (RDKafkaErrorCode::TransactionalIdAuthorizationFailed, _) => (
                "Write",
                format!("transactional id {}", kafka.transactional_id),
            ),
            (RDKafkaErrorCode::TopicAuthorizationFailed, Self::Topic { topic, .. })
                if *topic != topics.input =>
            {
                ("Write", format!("topic {topic}"))
            }
            (RDKafkaErrorCode::TopicAuthorizationFailed, Self::Abort { .. }) => {
                let Topics {
                    output,
                    dead_letters,
                    ..
                } = topics;
                ("Write", format!("topic {output} or {dead_letters}"))
            }
            (RDKafkaErrorCode::TopicAuthorizationFailed, _) => {
                ("Read", format!("topic {}", topics.input))
            }
            _ => return self,
        };
        let cause = cause.clone();
        Self::Denied {
            right,
            resource,
            cause,
        }
    }
}
