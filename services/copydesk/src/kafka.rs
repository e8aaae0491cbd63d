//! What the commands that speak to Kafka without a worker have in common.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rdkafka::client::Client;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, ClientContext};
use tracing::warn;

use crate::config::Config;

/// Sends what librdkafka has to say to the log.
pub(crate) struct LogContext;

impl ClientContext for LogContext {
    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for LogContext {}

/// Logs an error that librdkafka works on by itself.
pub(crate) fn log_error(error: &KafkaError, reason: &str) {
    warn!(%error, reason, "trouble with kafka");
}

/// How long one question to the brokers may take.
pub(crate) fn timeout(config: &Config) -> Duration {
    Duration::from_millis(config.kafka.request_timeout_ms)
}

/// A consumer that sees committed records only and commits nothing itself.
pub(crate) fn reader_config(config: &Config) -> ClientConfig {
    let mut client = client_config(config);
    client
        .set("group.id", "copydesk.tail")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed");
    client
}

/// A producer of which each record is delivered, or fails within the limit of a request.
pub(crate) fn producer_config(config: &Config) -> ClientConfig {
    let mut client = client_config(config);
    client
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("compression.type", &config.output.compression)
        .set(
            "message.max.bytes",
            config.kafka.max_record_bytes.to_string(),
        )
        .set(
            "message.timeout.ms",
            config.kafka.request_timeout_ms.to_string(),
        );
    client
}

fn client_config(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (name, value) in config.kafka.librdkafka.iter() {
        client.set(name, value);
    }
    client
        .set("client.id", "copydesk")
        .set("bootstrap.servers", &config.kafka.brokers);
    client
}

/// Why a client was not made. A property's value is left out: it may be a secret.
pub(crate) fn client_error(error: KafkaError) -> anyhow::Error {
    match error {
        KafkaError::ClientConfig(_, reason, property, _) => {
            anyhow!("kafka.librdkafka.\"{property}\": {reason}")
        }
        error => error.into(),
    }
}

/// The partitions of a topic, once the brokers have answered.
pub(crate) fn partitions<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    config: &Config,
) -> anyhow::Result<Vec<i32>> {
    let brokers = &config.kafka.brokers;
    let metadata = client
        .fetch_metadata(Some(topic), timeout(config))
        .with_context(|| {
            format!("no Kafka broker answers at {brokers}; start one, or correct kafka.brokers")
        })?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let error = match found {
        Some(found) => found.error().map(RDKafkaErrorCode::from),
        None => Some(RDKafkaErrorCode::UnknownTopic),
    };
    match error {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            bail!("there is no topic {topic} at {brokers}; create it first")
        }
        Some(error) => return Err(error).with_context(|| format!("cannot use topic {topic}")),
    }
    let partitions = found.map_or(&[][..], |found| found.partitions());
    Ok(partitions.iter().map(|partition| partition.id()).collect())
}

/// Whether a reader goes on after an error, since librdkafka tries again by itself.
pub(crate) fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::PartitionEOF
        )
    )
}
