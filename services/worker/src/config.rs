//! The worker's settings: plain data, read by serde, checked by [`Config::validate`].
//!
//! Nothing has a default here: the program's `default.toml` holds every value. Each field says
//! its usual value in the last words of its comment.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use copydesk_proto::Format;
use serde::{Deserialize, Deserializer};

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
    /// Default `0`.
    pub instance: String,
    /// Identity of this worker's transactions; a second worker with the same one stops the first.
    /// Default `copydesk.{service}.{instance}`.
    pub transactional_id: String,
    /// How partitions are shared: `cooperative-sticky`, `range` or `roundrobin`. The same for the
    /// whole group. Default `cooperative-sticky`.
    pub assignment: String,
    /// A worker not heard of for this long loses its partitions. Default `10000`.
    pub session_timeout_ms: u64,
    /// A worker whose stages take longer than this on one batch loses its partitions.
    /// Default `300000`.
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
    /// Default `4194304`.
    pub max_bytes: usize,
    /// How long a first record waits for others. Default `50`.
    pub linger_ms: u64,
}

/// `[limits]`: what a record may cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest value that is decoded; what is larger becomes a dead letter. Default `4194304`.
    pub max_value_bytes: usize,
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
    /// clients anew from the committed offsets. Default `5`.
    pub max_attempts: u32,
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

/// Properties of librdkafka by name. Values may be secrets: `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// The properties in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(properties: T) -> Self {
        Self(properties.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'de> Deserialize<'de> for Properties {
    /// Reads text, numbers and truth values: `"enable.ssl.certificate.verification" = false`.
    fn deserialize<T: Deserializer<'de>>(table: T) -> Result<Self, T::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected text, a number, true or false")]
        enum Scalar {
            Text(String),
            Number(i64),
            Truth(bool),
        }
        let table = BTreeMap::<String, Scalar>::deserialize(table)?;
        let text = |value| match value {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
        };
        Ok(table
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect())
    }
}

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("setting {setting} is {value}: {expected}")]
pub struct ConfigError {
    setting: &'static str,
    value: String,
    expected: &'static str,
}

impl ConfigError {
    fn new(setting: &'static str, value: impl fmt::Debug, expected: &'static str) -> Self {
        let value = format!("{value:?}");
        Self {
            setting,
            value,
            expected,
        }
    }

    /// Name of the setting, e.g. `kafka.brokers`.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// What would be right, e.g. `it must not be empty`.
    pub fn expected(&self) -> &'static str {
        self.expected
    }
}

/// Properties of librdkafka that the worker sets itself, and the setting to use in their place.
const OWN_PROPERTIES: [(&str, &str); 23] = [
    ("bootstrap.servers", "set kafka.brokers"),
    ("metadata.broker.list", "set kafka.brokers"),
    ("group.id", "set kafka.group"),
    ("transactional.id", "set kafka.transactional_id"),
    ("session.timeout.ms", "set kafka.session_timeout_ms"),
    ("max.poll.interval.ms", "set kafka.max_poll_interval_ms"),
    ("transaction.timeout.ms", "set kafka.transaction_timeout_ms"),
    ("partition.assignment.strategy", "set kafka.assignment"),
    ("message.timeout.ms", "set kafka.commit_timeout_ms"),
    ("delivery.timeout.ms", "set kafka.commit_timeout_ms"),
    ("message.max.bytes", "set kafka.max_record_bytes"),
    ("queued.max.messages.kbytes", "set kafka.prefetch_bytes"),
    ("compression.type", "set output.compression"),
    ("compression.codec", "set output.compression"),
    ("group.protocol", EXACTLY_ONCE),
    ("isolation.level", EXACTLY_ONCE),
    ("enable.auto.commit", EXACTLY_ONCE),
    ("enable.auto.offset.store", EXACTLY_ONCE),
    ("enable.idempotence", EXACTLY_ONCE),
    ("acks", EXACTLY_ONCE),
    ("request.required.acks", EXACTLY_ONCE),
    ("auto.offset.reset", EXACTLY_ONCE),
    ("enable.partition.eof", EXACTLY_ONCE),
];
const EXACTLY_ONCE: &str = "leave it out, exactly-once rests on the worker's own value";

impl Config {
    /// Checks each setting by itself and against the others.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_names()?;
        self.validate_assignment()?;
        self.validate_times()?;
        self.validate_sizes()?;
        self.validate_properties()
    }

    fn validate_names(&self) -> Result<(), ConfigError> {
        let names = [
            ("kafka.brokers", &self.kafka.brokers),
            ("kafka.group", &self.kafka.group),
            ("kafka.instance", &self.kafka.instance),
            ("kafka.transactional_id", &self.kafka.transactional_id),
            ("topics.input", &self.topics.input),
            ("topics.output", &self.topics.output),
            ("topics.dead_letters", &self.topics.dead_letters),
        ];
        for (setting, name) in names {
            if name.trim().is_empty() {
                return Err(ConfigError::new(setting, name, "it must not be empty"));
            }
        }
        let Topics {
            input,
            output,
            dead_letters,
        } = &self.topics;
        if input == output {
            let expected = "it must differ from topics.input, or the worker reads what it writes";
            return Err(ConfigError::new("topics.output", output, expected));
        }
        if dead_letters == input || dead_letters == output {
            let expected = "it must differ from topics.input and topics.output";
            return Err(ConfigError::new(
                "topics.dead_letters",
                dead_letters,
                expected,
            ));
        }
        Ok(())
    }

    fn validate_assignment(&self) -> Result<(), ConfigError> {
        match self.kafka.assignment.as_str() {
            "cooperative-sticky" | "range" | "roundrobin" => Ok(()),
            other => Err(ConfigError::new(
                "kafka.assignment",
                other,
                "it must be \"cooperative-sticky\", \"range\" or \"roundrobin\"",
            )),
        }
    }

    fn validate_times(&self) -> Result<(), ConfigError> {
        let Kafka {
            commit_timeout_ms,
            transaction_timeout_ms,
            ..
        } = self.kafka;
        // librdkafka takes no request timeout below 1500.
        let times = [
            (
                "kafka.session_timeout_ms",
                self.kafka.session_timeout_ms,
                1000,
            ),
            (
                "kafka.request_timeout_ms",
                self.kafka.request_timeout_ms,
                2000,
            ),
            ("kafka.commit_timeout_ms", commit_timeout_ms, 1000),
            ("kafka.stop_timeout_ms", self.kafka.stop_timeout_ms, 1000),
            ("retry.initial_ms", self.retry.initial_ms, 1),
        ];
        for (setting, time_ms, least_ms) in times {
            if time_ms < least_ms {
                let expected = "it is too short to work with";
                return Err(ConfigError::new(setting, time_ms, expected));
            }
        }
        if commit_timeout_ms >= transaction_timeout_ms {
            let expected = "it must be below kafka.transaction_timeout_ms";
            return Err(ConfigError::new(
                "kafka.commit_timeout_ms",
                commit_timeout_ms,
                expected,
            ));
        }
        if self.kafka.max_poll_interval_ms < self.kafka.session_timeout_ms {
            let (setting, value) = (
                "kafka.max_poll_interval_ms",
                self.kafka.max_poll_interval_ms,
            );
            let expected = "it must not be below kafka.session_timeout_ms";
            return Err(ConfigError::new(setting, value, expected));
        }
        if self.retry.max_ms < self.retry.initial_ms {
            let expected = "it must not be below retry.initial_ms";
            return Err(ConfigError::new(
                "retry.max_ms",
                self.retry.max_ms,
                expected,
            ));
        }
        Ok(())
    }

    fn validate_sizes(&self) -> Result<(), ConfigError> {
        // The ends of the ranges are librdkafka's.
        let sizes = [
            (
                "kafka.max_record_bytes",
                self.kafka.max_record_bytes,
                1_000,
                1_000_000_000,
            ),
            (
                "kafka.prefetch_bytes",
                self.kafka.prefetch_bytes,
                1 << 20,
                1 << 40,
            ),
            ("batch.max_records", self.batch.max_records, 1, 100_000),
            ("batch.max_bytes", self.batch.max_bytes, 1, 1 << 40),
            (
                "limits.max_value_bytes",
                self.limits.max_value_bytes,
                1,
                1_000_000_000,
            ),
        ];
        for (setting, size, least, most) in sizes {
            if size < least {
                return Err(ConfigError::new(
                    setting,
                    size,
                    "it is too small to work with",
                ));
            }
            if size > most {
                return Err(ConfigError::new(
                    setting,
                    size,
                    "it is more than Kafka can take",
                ));
            }
        }
        Ok(())
    }

    fn validate_properties(&self) -> Result<(), ConfigError> {
        for (name, expected) in OWN_PROPERTIES {
            if self.kafka.librdkafka.0.contains_key(name) {
                return Err(ConfigError::new("kafka.librdkafka", name, expected));
            }
        }
        Ok(())
    }

    /// Puts the service and the instance in the place of `{service}` and `{instance}`.
    pub(crate) fn expanded(mut self) -> Self {
        for name in [&mut self.kafka.group, &mut self.kafka.transactional_id] {
            *name = name
                .replace("{service}", &self.service)
                .replace("{instance}", &self.kafka.instance);
        }
        self
    }
}

impl Kafka {
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(crate) fn commit_timeout(&self) -> Duration {
        Duration::from_millis(self.commit_timeout_ms)
    }

    pub(crate) fn stop_timeout(&self) -> Duration {
        Duration::from_millis(self.stop_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Spoil = fn(&mut Config);

    fn config() -> Config {
        let json = r#"{
            "service": "enrich",
            "kafka": {
                "brokers": "127.0.0.1:9092", "group": "copydesk.{service}", "instance": "0",
                "transactional_id": "copydesk.{service}.{instance}",
                "assignment": "cooperative-sticky", "session_timeout_ms": 10000,
                "max_poll_interval_ms": 300000, "transaction_timeout_ms": 60000,
                "request_timeout_ms": 10000, "commit_timeout_ms": 20000, "stop_timeout_ms": 8000,
                "max_record_bytes": 16777216, "prefetch_bytes": 16777216,
                "librdkafka": {"sasl.password": "secret", "retries": 3, "ssl.x": true}
            },
            "topics": {"input": "a", "output": "b", "dead_letters": "c"},
            "input": {"format": "auto"},
            "output": {"format": "json", "compression": "zstd"},
            "batch": {"max_records": 256, "max_bytes": 4194304, "linger_ms": 50},
            "limits": {"max_value_bytes": 4194304},
            "retry": {"initial_ms": 200, "max_ms": 10000, "max_attempts": 5}
        }"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn service_and_instance_take_their_places() {
        let config = config().expanded();

        assert_eq!(config.kafka.group, "copydesk.enrich");
        assert_eq!(config.kafka.transactional_id, "copydesk.enrich.0");
    }

    #[test]
    fn properties_are_text_numbers_and_truth_values() {
        let config = config();

        let properties: Vec<_> = config.kafka.librdkafka.iter().collect();

        assert_eq!(
            properties,
            [
                ("retries", "3"),
                ("sasl.password", "secret"),
                ("ssl.x", "true")
            ]
        );
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn usual_settings_are_valid() {
        config().validate().unwrap();
    }

    #[test]
    fn error_names_the_setting_its_value_and_what_would_do() {
        let mut config = config();
        config.kafka.commit_timeout_ms = 60_000;

        let error = config.validate().unwrap_err().to_string();

        assert_eq!(
            error,
            "setting kafka.commit_timeout_ms is 60000: it must be below kafka.transaction_timeout_ms"
        );
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let cases: [(&str, Spoil); 8] = [
            ("kafka.brokers", |config| config.kafka.brokers.clear()),
            ("kafka.assignment", |config| {
                config.kafka.assignment = "sticky".to_owned()
            }),
            ("kafka.request_timeout_ms", |config| {
                config.kafka.request_timeout_ms = 0
            }),
            ("topics.output", |config| {
                config.topics.output = "a".to_owned()
            }),
            ("topics.dead_letters", |config| {
                config.topics.dead_letters = "b".to_owned()
            }),
            ("batch.max_records", |config| config.batch.max_records = 0),
            ("retry.max_ms", |config| config.retry.max_ms = 1),
            ("kafka.librdkafka", |config| {
                let property = ("isolation.level".to_owned(), "read_uncommitted".to_owned());
                config.kafka.librdkafka = Properties::from_iter([property]);
            }),
        ];

        for (setting, spoil) in cases {
            let mut config = config();
            spoil(&mut config);
            assert_eq!(config.validate().unwrap_err().setting, setting);
        }
    }

    #[test]
    fn unknown_settings_are_refused() {
        let error = serde_json::from_str::<Limits>(r#"{"max_value_bites": 1}"#).unwrap_err();

        assert!(error.to_string().contains("max_value_bites"), "{error}");
    }
}
