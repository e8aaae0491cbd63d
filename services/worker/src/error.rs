//! The worker's errors, and the only place that reads Kafka's error codes.

mod denied;
mod verdict;

use std::io;
use std::net::SocketAddr;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::ConfigError;

pub(crate) use verdict::{PollError, Refusal, is_group_moving};

/// What goes wrong between a worker and its surroundings. [`Worker::run`](crate::Worker::run)
/// returns only those that it cannot recover from by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The admin port's address is taken or not ours.
    #[error("cannot listen on {address} (setting admin.bind)")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start thread {name}")]
    Thread {
        /// Name of the thread.
        name: &'static str,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// Nothing can export traces: most often a variable `OTEL_EXPORTER_OTLP_*` that is wrong.
    #[error("cannot set up the export of traces")]
    Tracing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// librdkafka does not take a property. Its own error is not kept: it shows the value, which
    /// may be a secret.
    #[error(
        "librdkafka does not take the property {property}: {reason} (setting kafka.librdkafka)"
    )]
    Property {
        /// Name of the property.
        property: String,
        /// What librdkafka says.
        reason: String,
    },
    /// librdkafka does not take the settings.
    #[error("cannot create a Kafka client (see the settings under kafka)")]
    Client(#[source] KafkaError),
    /// Another worker has taken over this one's transactional id.
    #[error(
        "another worker runs with the transactional id {transactional_id}: \
         give each its own kafka.instance"
    )]
    Fenced {
        /// The id that both have.
        transactional_id: String,
        /// What the broker says.
        #[source]
        cause: KafkaError,
    },
    /// Another replay of the same group has begun, which stops this one.
    #[error("another replay of group {group} has begun, and this one ends: run one at a time")]
    Outrun {
        /// The group of both.
        group: String,
        /// What the broker says.
        #[source]
        cause: KafkaError,
    },
    /// Another worker has taken over this one's place in the group.
    #[error(
        "another worker runs with the group instance id {group_instance_id}: \
         give each its own kafka.instance"
    )]
    Replaced {
        /// The id that both have.
        group_instance_id: String,
        /// What the broker says.
        #[source]
        cause: KafkaError,
    },
    /// No broker answers.
    #[error("cannot reach Kafka at {brokers}: check that it runs, and the setting kafka.brokers")]
    Unreachable {
        /// The brokers that were asked.
        brokers: String,
        /// What librdkafka says.
        #[source]
        cause: KafkaError,
    },
    /// A broker does not let us in.
    #[error(
        "Kafka at {brokers} refuses the connection: {reason}; check kafka.brokers and the settings \
         under kafka.librdkafka"
    )]
    Refused {
        /// The brokers that were asked.
        brokers: String,
        /// What the broker says, or OpenSSL.
        reason: String,
    },
    /// An ACL is missing.
    #[error("Kafka does not allow {right} on {resource}: add an ACL for this user")]
    Denied {
        /// The operation as ACLs name it.
        right: &'static str,
        /// Kind and name of what it is needed on.
        resource: String,
        /// What the broker says.
        #[source]
        cause: KafkaError,
    },
    /// The group does not take this worker in.
    #[error(
        "the workers of the group share partitions in another way: give all of them the same \
         kafka.assignment, or stop all before it changes"
    )]
    Inconsistent {
        /// What the broker says.
        #[source]
        cause: KafkaError,
    },
    /// A topic does not exist.
    #[error("topic {topic} does not exist: create it, or check the settings under topics")]
    MissingTopic {
        /// Its name.
        topic: String,
    },
    /// A topic exists, or may, and cannot be used.
    #[error("cannot use topic {topic}")]
    Topic {
        /// Its name.
        topic: String,
        /// What the broker says.
        #[source]
        cause: KafkaError,
    },
    /// A dead letter is refused whatever is left out of it. New clients would be told the same for
    /// ever, and to pass the record over would lose it: somebody must see to the topic.
    #[error(
        "the dead letter of record {record} is refused, whatever is left out of it: see to the \
         settings of the topic for dead letters, or to kafka.max_record_bytes"
    )]
    DeadLetterRefused {
        /// The record's place, as topic, partition and offset.
        record: String,
        /// What the broker says.
        #[source]
        cause: KafkaError,
    },
    /// The transaction cannot be completed; the broker forgets its records.
    #[error("transaction aborted: cannot {step}")]
    Abort {
        /// The call that failed.
        step: &'static str,
        /// What librdkafka says.
        #[source]
        cause: KafkaError,
    },
    /// The group has moved on; the transaction may succeed in the present generation.
    #[error("transaction aborted: the consumer group has rebalanced")]
    Rebalanced(#[source] KafkaError),
    /// A client is of no more use, or nobody knows whether the transaction was committed.
    #[error("cannot {step}")]
    Broken {
        /// The call that failed.
        step: &'static str,
        /// What librdkafka says.
        #[source]
        cause: KafkaError,
    },
    /// A call took so long that librdkafka may have sent it twice. A copy that comes late would end
    /// the next transaction of the same producer.
    #[error(
        "cannot begin another transaction: {step} took longer than kafka.request_timeout_ms, and a \
         copy of it may still be on its way"
    )]
    Late {
        /// The call.
        step: &'static str,
    },
    /// A request to stop has come in the middle of a batch, which will be read again.
    #[error("asked to stop in the middle of a batch")]
    Stopped,
    /// The thread of the transactions has ended before its time.
    #[error("the sink's thread has panicked")]
    SinkPanicked,
    /// The thread of the transactions does not end. New clients would be fenced by its producer, or
    /// fence it; to end the process ends it too.
    #[error("a call of Kafka's has no end, though each has a limit in time")]
    SinkStuck,
}

impl Error {
    /// The error of creating a client.
    pub(crate) fn of_client(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, reason, property, _) => Self::Property { property, reason },
            error => Self::Client(error),
        }
    }

    /// Records that were not delivered by the deadline.
    pub(crate) fn undelivered() -> Self {
        let cause = KafkaError::Flush(RDKafkaErrorCode::MessageTimedOut);
        Self::Abort {
            step: "deliver the records in time",
            cause,
        }
    }

    /// Whether new Kafka clients, from the committed offsets on, may help.
    pub(crate) fn is_recoverable(&self) -> bool {
        !matches!(
            self,
            Self::Config(_)
                | Self::Bind { .. }
                | Self::Thread { .. }
                | Self::Tracing(_)
                | Self::Property { .. }
                | Self::Client(_)
                | Self::Fenced { .. }
                | Self::Outrun { .. }
                | Self::Replaced { .. }
                | Self::DeadLetterRefused { .. }
                | Self::SinkStuck
        )
    }

    /// Whether it is for others to put this right, which a new process would wait for as well.
    pub(crate) fn waits_for_others(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Refused { .. }
                | Self::Denied { .. }
                | Self::MissingTopic { .. }
                | Self::Topic { .. }
        )
    }

    /// The error of a call that belongs to a transaction. `Ok` means: call again.
    pub(crate) fn in_transaction(
        step: &'static str,
        cause: KafkaError,
    ) -> Result<KafkaError, Self> {
        let KafkaError::Transaction(error) = &cause else {
            // Records were not all delivered in time.
            return Err(Self::Abort { step, cause });
        };
        match error {
            e if e.is_fatal() => Err(Self::Broken { step, cause }),
            e if e.txn_requires_abort() && is_rebalance(e.code()) => Err(Self::Rebalanced(cause)),
            e if e.txn_requires_abort() => Err(Self::Abort { step, cause }),
            e if e.is_retriable() => Ok(cause),
            _ => Err(Self::Broken { step, cause }),
        }
    }

    /// No broker answers, or the last that did has refused us.
    pub(crate) fn unreachable(brokers: &str, cause: KafkaError, refusal: Option<String>) -> Self {
        let brokers = brokers.to_owned();
        match refusal {
            Some(reason) => Self::Refused { brokers, reason },
            None => Self::Unreachable { brokers, cause },
        }
    }

    /// The error of a consumer that commits offsets. librdkafka has tried again already.
    pub(crate) fn of_offset_commit(cause: KafkaError) -> Self {
        match cause.rdkafka_error_code() {
            Some(code) if is_rebalance(code) => Self::Rebalanced(cause),
            _ => Self::Abort {
                step: "commit offsets",
                cause,
            },
        }
    }

    /// The error where an abort is no longer the way out.
    pub(crate) fn unabortable(self) -> Self {
        match self {
            Self::Abort { step, cause } => Self::Broken { step, cause },
            Self::Rebalanced(cause) => Self::Broken {
                step: "abort",
                cause,
            },
            error => error,
        }
    }

    /// The error of a topic's metadata.
    pub(crate) fn of_topic(topic: &str, code: RDKafkaErrorCode) -> Self {
        let topic = topic.to_owned();
        match code {
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => {
                Self::MissingTopic { topic }
            }
            code => Self::Topic {
                topic,
                cause: KafkaError::MetadataFetch(code),
            },
        }
    }

    /// Whether the transaction is to be aborted, and may then be tried again.
    pub(crate) fn is_abort(&self) -> bool {
        matches!(self, Self::Abort { .. } | Self::Rebalanced(_))
    }

    /// [`Error::Fenced`], where a newer producer with the same transactional id is the cause.
    pub(crate) fn or_fenced(self, transactional_id: &str) -> Self {
        match self {
            Self::Broken { cause, .. } if is_fencing(cause.rdkafka_error_code()) => Self::Fenced {
                transactional_id: transactional_id.to_owned(),
                cause,
            },
            error => error,
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors say their cause's words as their own.
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

fn is_fencing(code: Option<RDKafkaErrorCode>) -> bool {
    matches!(
        code,
        Some(
            RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch
        )
    )
}

fn is_rebalance(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::RebalanceInProgress
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_error_keeps_the_value_to_itself() {
        let mut client = rdkafka::ClientConfig::new();
        client.set("sasl.pasword", "secret");
        let created = client.create::<rdkafka::consumer::BaseConsumer>();

        let error = Error::of_client(created.err().unwrap());

        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("sasl.pasword") && !shown.contains("secret"),
            "{shown}"
        );
    }

    #[test]
    fn chain_says_each_cause_once() {
        let cause = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
        let error = Error::Unreachable {
            brokers: "a:1".to_owned(),
            cause,
        };

        let text = chain(&error);

        assert!(text.starts_with("cannot reach Kafka at a:1"), "{text}");
        assert_eq!(text.matches("BrokerTransportFailure").count(), 1, "{text}");
    }
}
