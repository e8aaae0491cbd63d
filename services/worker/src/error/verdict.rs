//! What is to be done about an error of Kafka.

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::dead_letter::Fault;

/// What an error of the consumer's poll asks for.
pub(crate) enum PollError {
    /// Nothing: librdkafka deals with it.
    Passing(KafkaError),
    /// Waiting: no broker can be reached.
    Unreachable(KafkaError),
    /// Waiting: the group's members share partitions in another way.
    Inconsistent(KafkaError),
    /// New clients.
    Broken(KafkaError),
    /// An end: another has our group instance id, unless it is this worker itself.
    Replaced(KafkaError),
}

impl PollError {
    /// Reads an error of a consumer's poll, or the one by which the consumer has ended, if it has.
    pub(crate) fn new<C: ConsumerContext>(error: KafkaError, consumer: &BaseConsumer<C>) -> Self {
        if let Some((code, _)) = consumer.client().fatal_error() {
            let error = KafkaError::MessageConsumptionFatal(code);
            return match code {
                RDKafkaErrorCode::FencedInstanceId => Self::Replaced(error),
                _ => Self::Broken(error),
            };
        }
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::SSL,
            ) => Self::Unreachable(error),
            Some(RDKafkaErrorCode::InconsistentGroupProtocol) => Self::Inconsistent(error),
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                // librdkafka asks for the same records again and again, and nobody would know:
                // they unpack to more than `receive.message.max.bytes`.
                | RDKafkaErrorCode::BadCompression,
            ) => Self::Broken(error),
            _ => Self::Passing(error),
        }
    }
}

/// Whether the broker that was asked is not the group's, or not yet: another time it will be known.
pub(crate) fn is_group_moving(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}

/// What became of a record that the producer did not take or deliver.
pub(crate) enum Refusal {
    /// The producer's queue is full.
    Full,
    /// This record, or one that it travelled with, will never be taken as it is.
    Record(Fault),
    /// The transaction is over.
    Transaction,
}

impl From<&KafkaError> for Refusal {
    fn from(error: &KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Self::Full,
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::MessageBatchTooLarge,
            ) => Self::Record(Fault::TooLarge),
            Some(
                RDKafkaErrorCode::InvalidTimestamp
                | RDKafkaErrorCode::InvalidRecord
                | RDKafkaErrorCode::PolicyViolation,
            ) => Self::Record(Fault::Invalid),
            _ => Self::Transaction,
        }
    }
}
