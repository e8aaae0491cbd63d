//! The worker's settings: plain data, read by serde, checked by [`Config::validate`].
//!
//! Nothing has a default here: the program's `default.toml` holds every value. Each field says
//! its usual value in the last words of its comment.

mod properties;
mod validate;

use std::net::SocketAddr;
use std::time::Duration;

use copydesk_proto::Format;
use serde::{Deserialize, Deserializer};

pub use properties::Properties;
pub use validate::ConfigError;

/// Everything that a worker is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the service, which `{service}` stands for in other settings.
    pub service: String,
    /// How to reach Kafka, and as whom.
    pub kafka: Kafka,
    /// Where records come from and go to.
    pub topics: Topics,
    /// How records are read.
    pub input: Input,
    /// How records are written.
    pub output: Output,
    /// How many records make a batch.
    pub batch: Batch,
    /// What a record may cost.
    pub limits: Limits,
    /// How failures are retried.
    pub retry: Retry,
    /// Where traces go.
    pub tracing: Tracing,
}

/// `[kafka]`: how to reach Kafka, and as whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Brokers to ask first, `host:port[,host:port]…`. Default `127.0.0.1:9092`.
    pub brokers: String,
    /// Consumer group, shared by all workers of a service. Default `copydesk.{service}`.
    pub group: String,
    /// Name of this worker among those of its service; two that run at once must differ.
    /// `{hostname}` stands for that of the machine or container. Default `0`.
    pub instance: String,
    /// Identity of this worker's transactions; a second worker with the same one stops the first.
    /// Default `copydesk.{service}.{instance}`.
    pub transactional_id: String,
    /// What becomes of a record when something fails: `exactly_once`, or `at_least_once`, without
    /// transactions. Default `exactly_once`.
    pub delivery: Delivery,
    /// Name under which this worker keeps its partitions over a restart, shorter than
    /// `session_timeout_ms`; two that run at once must differ. Empty for none, e.g.
    /// `copydesk.{service}.{instance}`. Default ``.
    pub group_instance_id: String,
    /// How partitions are shared: `cooperative-sticky`, `range` or `roundrobin`; with a
    /// `group_instance_id` not the first. The same for the whole group. Default
    /// `cooperative-sticky`.
    pub assignment: String,
    /// A worker not heard of for this long loses its partitions. Default `10000`.
    pub session_timeout_ms: u64,
    /// A worker that is at one call of a stage for longer than this loses its partitions.
    /// Default `1800000`.
    pub max_poll_interval_ms: u64,
    /// The broker aborts a transaction that is open for longer. Default `60000`.
    pub transaction_timeout_ms: u64,
    /// Limit on one question to the brokers: metadata, sending offsets. Default `10000`.
    pub request_timeout_ms: u64,
    /// Limit on delivering a batch's records, and again on committing or aborting them; longer,
    /// and the outcome is unknown. Below `transaction_timeout_ms`. Default `20000`.
    pub commit_timeout_ms: u64,
    /// After a request to stop, the batch in hand has this long to end. Default `8000`.
    pub stop_timeout_ms: u64,
    /// Largest record to produce, before compression; what is larger becomes a dead letter. Topics
    /// have a limit of their own, `max.message.bytes`, on what is left after compression.
    /// Default `16777216`.
    pub max_record_bytes: usize,
    /// Bytes of records fetched ahead of the stages. Default `16777216`.
    pub prefetch_bytes: usize,
    /// Any other property of librdkafka, e.g. `"security.protocol" = "sasl_ssl"`, except those that
    /// exactly-once rests on. Default `{}`.
    pub librdkafka: Properties,
}

/// What becomes of a record when something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// One result a record, for readers of committed records.
    ExactlyOnce,
    /// One result or more, without the cost of transactions.
    AtLeastOnce,
}

/// `[topics]`: where records come from and go to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topics {
    /// Topic to read, e.g. `articles.raw`.
    pub input: String,
    /// Topic for enriched records, e.g. `articles.enriched`.
    pub output: String,
    /// Topic for rejected records. Default `articles.dlq`.
    pub dead_letters: String,
}

/// `[input]`: how records are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Form of a value without a `content-type` header: `auto` (JSON where the first character is
    /// `{` or `[`, else plain text), `json`, `protobuf` or `text`. Default `auto`.
    pub format: InputFormat,
}

/// `[output]`: how records are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Form of the enriched records: `json` or `protobuf`. Default `json`.
    #[serde(deserialize_with = "format")]
    pub format: Format,
    /// Compression of what is produced: `zstd`, `lz4`, `snappy`, `gzip` or `none`. Default `zstd`.
    pub compression: String,
}

/// `[batch]`: how many records go through the stages, and into a transaction, together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Most records. Default `256`.
    pub max_records: usize,
    /// Most bytes of keys, values and headers; one larger record still makes a batch.
    /// Default `262144`.
    pub max_bytes: usize,
    /// How long a first record waits for others. Default `5`.
    pub linger_ms: u64,
}

/// `[limits]`: what a record may cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest value that is decoded; what is larger becomes a dead letter. Default `4194304`.
    pub max_value_bytes: usize,
    /// Time that a stage has for an article; one that takes longer becomes a dead letter. Below
    /// `kafka.max_poll_interval_ms`. Default `300000`.
    pub article_timeout_ms: u64,
    /// A worker that has work and gets none of it done for this long is not alive. Above
    /// `article_timeout_ms`. Default `600000`.
    pub stall_timeout_ms: u64,
}

/// `[retry]`: how failures are retried. Waits double from the first to the longest, with jitter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// First wait. Default `200`.
    pub initial_ms: u64,
    /// Longest wait. Default `10000`.
    pub max_ms: u64,
    /// Times that a batch is produced again after an abort, before the worker starts its Kafka
    /// clients anew from the committed offsets; and that an article is given again to a stage whose
    /// failure may pass, before it becomes a dead letter. Default `5`.
    pub max_attempts: u32,
}

/// `[tracing]`: where traces go. Records bring them in their headers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    /// Address of a collector that takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`; empty for no
    /// traces. Default ``.
    pub endpoint: String,
    /// Limit on one request to it, tries that follow included. Default `10000`.
    pub timeout_ms: u64,
    /// Spans that wait for it; further ones are dropped. Default `4096`.
    pub max_queue_spans: usize,
}

/// `[admin]`: the port for metrics and health.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address to listen on; port 0 takes a free one. Default `127.0.0.1:9464`.
    pub bind: SocketAddr,
}

/// The form that a value without a `content-type` header is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// JSON where the first character is `{` or `[`, else plain text.
    Auto,
    /// Always this one.
    Fixed(Format),
}

impl<'de> Deserialize<'de> for InputFormat {
    fn deserialize<T: Deserializer<'de>>(value: T) -> Result<Self, T::Error> {
        match String::deserialize(value)?.as_str() {
            "auto" => Ok(Self::Auto),
            name => name.parse().map(Self::Fixed).map_err(|_| {
                serde::de::Error::custom(format_args!(
                    "unknown format `{name}`, expected `auto`, `json`, `protobuf` or `text`"
                ))
            }),
        }
    }
}

fn format<'de, T: Deserializer<'de>>(value: T) -> Result<Format, T::Error> {
    let name = String::deserialize(value)?;
    match name.parse() {
        Ok(format @ (Format::Json | Format::Protobuf)) => Ok(format),
        _ => Err(serde::de::Error::custom(format_args!(
            "unknown format `{name}`, expected `json` or `protobuf`"
        ))),
    }
}

impl Config {
    /// Puts names in the place of `{hostname}`, `{service}` and `{instance}`.
    pub(crate) fn expanded(mut self) -> Self {
        let kafka = &mut self.kafka;
        let hostname = gethostname::gethostname();
        kafka.instance = kafka
            .instance
            .replace("{hostname}", &hostname.to_string_lossy());
        for name in [
            &mut kafka.group,
            &mut kafka.transactional_id,
            &mut kafka.group_instance_id,
        ] {
            *name = name
                .replace("{service}", &self.service)
                .replace("{instance}", &kafka.instance);
        }
        self
    }

    /// Usual settings, for tests.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn sample() -> Self {
        let json = r#"{
            "service": "enrich",
            "kafka": {
                "brokers": "127.0.0.1:9092", "group": "copydesk.{service}", "instance": "0",
                "transactional_id": "copydesk.{service}.{instance}",
                "delivery": "exactly_once", "group_instance_id": "",
                "assignment": "cooperative-sticky", "session_timeout_ms": 10000,
                "max_poll_interval_ms": 1800000, "transaction_timeout_ms": 60000,
                "request_timeout_ms": 10000, "commit_timeout_ms": 20000, "stop_timeout_ms": 8000,
                "max_record_bytes": 16777216, "prefetch_bytes": 16777216,
                "librdkafka": {"sasl.password": "secret", "retries": 3, "ssl.x": true}
            },
            "topics": {"input": "a", "output": "b", "dead_letters": "c"},
            "input": {"format": "auto"},
            "output": {"format": "json", "compression": "zstd"},
            "batch": {"max_records": 256, "max_bytes": 4194304, "linger_ms": 50},
            "limits": {"max_value_bytes": 4194304, "article_timeout_ms": 300000, "stall_timeout_ms": 600000},
            "retry": {"initial_ms": 200, "max_ms": 10000, "max_attempts": 5},
            "tracing": {"endpoint": "", "timeout_ms": 10000, "max_queue_spans": 4096}
        }"#;
        serde_json::from_str(json).expect("the settings above are right")
    }
}

impl Kafka {
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(crate) fn transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.transaction_timeout_ms)
    }

    pub(crate) fn commit_timeout(&self) -> Duration {
        Duration::from_millis(self.commit_timeout_ms)
    }

    /// How long the batch in hand has to end, after a request to stop.
    pub fn stop_timeout(&self) -> Duration {
        Duration::from_millis(self.stop_timeout_ms)
    }
}

impl Tracing {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Limits {
    pub(crate) fn article_timeout(&self) -> Duration {
        Duration::from_millis(self.article_timeout_ms)
    }

    pub(crate) fn stall_timeout(&self) -> Duration {
        Duration::from_millis(self.stall_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_and_instance_take_their_places() {
        let config = Config::sample().expanded();

        assert_eq!(config.kafka.group, "copydesk.enrich");
        assert_eq!(config.kafka.transactional_id, "copydesk.enrich.0");
    }

    #[test]
    fn instance_may_be_the_name_of_the_machine() {
        let mut config = Config::sample();
        config.kafka.instance = "{hostname}-1".to_owned();

        let instance = config.expanded().kafka.instance;

        assert!(
            instance.ends_with("-1") && !instance.contains('{'),
            "{instance}"
        );
        assert!(instance.len() > "-1".len(), "{instance}");
    }

    #[test]
    fn unknown_delivery_is_refused_with_those_that_there_are() {
        let error = serde_json::from_str::<Delivery>(r#""at_most_once""#).unwrap_err();

        let error = error.to_string();
        assert!(error.contains("at_most_once"), "{error}");
        assert!(
            error.contains("`exactly_once` or `at_least_once`"),
            "{error}"
        );
    }

    #[test]
    fn unknown_settings_are_refused() {
        let error = serde_json::from_str::<Limits>(r#"{"max_value_bites": 1}"#).unwrap_err();

        assert!(error.to_string().contains("max_value_bites"), "{error}");
    }
}
