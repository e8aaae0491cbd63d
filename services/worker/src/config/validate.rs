//! What settings must be, by themselves and to each other.

use std::fmt;

use axum::http::Uri;
use axum::http::uri::Authority;

use super::{Config, Kafka, Limits, Topics, Tracing};

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("setting {setting} is {value}: {expected}")]
pub struct ConfigError {
    setting: &'static str,
    value: String,
    expected: &'static str,
}

impl ConfigError {
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
const OWN_PROPERTIES: [(&str, &str); 29] = [
    ("bootstrap.servers", "set kafka.brokers"),
    ("metadata.broker.list", "set kafka.brokers"),
    ("group.id", "set kafka.group"),
    ("group.instance.id", "set kafka.group_instance_id"),
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
    ("fetch.max.bytes", "set kafka.prefetch_bytes"),
    ("socket.timeout.ms", "set kafka.request_timeout_ms"),
    (
        "heartbeat.interval.ms",
        "set kafka.session_timeout_ms, of which it is a quarter",
    ),
    (
        "statistics.interval.ms",
        "leave it out, lag and health are measured by it",
    ),
    (
        "allow.auto.create.topics",
        "leave it out, topics that are missing are to be told",
    ),
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

/// The assignment by which partitions that stay are not held up by those that move.
const COOPERATIVE: &str = "cooperative-sticky";

impl Config {
    /// Checks each setting by itself and against the others.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_names()?;
        self.validate_times()?;
        self.validate_sizes()?;
        self.validate_tracing()?;
        self.validate_properties()
    }

    fn validate_names(&self) -> Result<(), ConfigError> {
        let (kafka, topics) = (&self.kafka, &self.topics);
        let names = [
            ("kafka.brokers", &kafka.brokers),
            ("kafka.group", &kafka.group),
            ("kafka.instance", &kafka.instance),
            ("kafka.transactional_id", &kafka.transactional_id),
            ("topics.input", &topics.input),
            ("topics.output", &topics.output),
            ("topics.dead_letters", &topics.dead_letters),
        ];
        for (setting, name) in names {
            let expected = "it must not be empty";
            check(!name.trim().is_empty(), setting, name, expected)?;
        }
        let Topics {
            input,
            output,
            dead_letters,
        } = topics;
        let expected = "it must differ from topics.input, or the worker reads what it writes";
        check(output != input, "topics.output", output, expected)?;
        let differs = dead_letters != input && dead_letters != output;
        let expected = "it must differ from topics.input and topics.output";
        check(differs, "topics.dead_letters", dead_letters, expected)?;
        let is_known = [COOPERATIVE, "range", "roundrobin"].contains(&&*kafka.assignment);
        let expected = "it must be cooperative-sticky, range or roundrobin";
        check(is_known, "kafka.assignment", &kafka.assignment, expected)?;
        // Partitions that move are left to nobody until the one that had them asks for a second
        // rebalance. A static member that is restarted first does not know of it, and no other asks.
        let is_whole = kafka.group_instance_id.is_empty() || kafka.assignment != COOPERATIVE;
        let expected = "it must be range or roundrobin with kafka.group_instance_id";
        check(is_whole, "kafka.assignment", &kafka.assignment, expected)
    }

    fn validate_times(&self) -> Result<(), ConfigError> {
        let (kafka, retry) = (&self.kafka, &self.retry);
        // librdkafka takes no request timeout below 1500.
        let times = [
            ("kafka.session_timeout_ms", kafka.session_timeout_ms, 1000),
            ("kafka.request_timeout_ms", kafka.request_timeout_ms, 2000),
            ("kafka.commit_timeout_ms", kafka.commit_timeout_ms, 1000),
            ("kafka.stop_timeout_ms", kafka.stop_timeout_ms, 1000),
            ("retry.initial_ms", retry.initial_ms, 1),
            (
                "limits.article_timeout_ms",
                self.limits.article_timeout_ms,
                1,
            ),
        ];
        for (setting, time_ms, least_ms) in times {
            check(
                time_ms >= least_ms,
                setting,
                time_ms,
                "it is too short to work with",
            )?;
        }
        let Kafka {
            commit_timeout_ms,
            max_poll_interval_ms,
            ..
        } = *kafka;
        let holds = commit_timeout_ms < kafka.transaction_timeout_ms;
        let expected = "it must be below kafka.transaction_timeout_ms";
        check(
            holds,
            "kafka.commit_timeout_ms",
            commit_timeout_ms,
            expected,
        )?;
        check(
            kafka.request_timeout_ms <= kafka.transaction_timeout_ms,
            "kafka.request_timeout_ms",
            kafka.request_timeout_ms,
            "it must not be above kafka.transaction_timeout_ms",
        )?;
        let holds = max_poll_interval_ms >= kafka.session_timeout_ms;
        let expected = "it must not be below kafka.session_timeout_ms";
        check(
            holds,
            "kafka.max_poll_interval_ms",
            max_poll_interval_ms,
            expected,
        )?;
        let Limits {
            article_timeout_ms,
            stall_timeout_ms,
            ..
        } = self.limits;
        check(
            article_timeout_ms < max_poll_interval_ms,
            "limits.article_timeout_ms",
            article_timeout_ms,
            "it must be below kafka.max_poll_interval_ms",
        )?;
        check(
            stall_timeout_ms > article_timeout_ms,
            "limits.stall_timeout_ms",
            stall_timeout_ms,
            "it must be above limits.article_timeout_ms",
        )?;
        let expected = "it must not be below retry.initial_ms";
        check(
            retry.max_ms >= retry.initial_ms,
            "retry.max_ms",
            retry.max_ms,
            expected,
        )
    }

    fn validate_sizes(&self) -> Result<(), ConfigError> {
        let (kafka, batch, limits) = (&self.kafka, &self.batch, &self.limits);
        // The ends of the ranges are librdkafka's.
        let sizes = [
            (
                "kafka.max_record_bytes",
                kafka.max_record_bytes,
                1_000,
                1_000_000_000,
            ),
            (
                "kafka.prefetch_bytes",
                kafka.prefetch_bytes,
                1 << 20,
                2_000_000_000,
            ),
            ("batch.max_records", batch.max_records, 1, 100_000),
            ("batch.max_bytes", batch.max_bytes, 1, 100_000_000),
            (
                "limits.max_value_bytes",
                limits.max_value_bytes,
                1,
                1_000_000_000,
            ),
        ];
        for (setting, size, least, most) in sizes {
            check(size >= least, setting, size, "it is too small to work with")?;
            check(
                size <= most,
                setting,
                size,
                "it is more than Kafka can take",
            )?;
        }
        Ok(())
    }

    fn validate_tracing(&self) -> Result<(), ConfigError> {
        let Tracing {
            endpoint,
            timeout_ms,
            max_queue_spans,
        } = &self.tracing;
        let is_http = |address: &Uri| {
            let authority = address.authority().map(Authority::as_str);
            address.scheme_str() == Some("http")
                && authority.is_some_and(|name| !name.contains('@'))
        };
        let is_right = endpoint.is_empty() || endpoint.parse().as_ref().is_ok_and(is_http);
        let expected = "it must be empty or the address of a collector, e.g. http://127.0.0.1:4318";
        check(is_right, "tracing.endpoint", endpoint, expected)?;
        let expected = "it is too short to work with";
        check(
            *timeout_ms >= 100,
            "tracing.timeout_ms",
            timeout_ms,
            expected,
        )?;
        let expected = "it must be from 1 to 1000000";
        let is_right = (1..=1_000_000).contains(max_queue_spans);
        check(
            is_right,
            "tracing.max_queue_spans",
            max_queue_spans,
            expected,
        )
    }

    fn validate_properties(&self) -> Result<(), ConfigError> {
        for (name, expected) in OWN_PROPERTIES {
            let is_theirs = !self.kafka.librdkafka.contains(name);
            check(is_theirs, "kafka.librdkafka", name, expected)?;
        }
        Ok(())
    }
}

/// An error unless `holds`.
fn check(
    holds: bool,
    setting: &'static str,
    value: impl fmt::Debug,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if holds {
        return Ok(());
    }
    Err(ConfigError {
        setting,
        value: format!("{value:?}"),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Properties;

    type Spoil = fn(&mut Config);

    #[test]
    fn usual_settings_are_valid() {
        Config::sample().validate().unwrap();
    }

    #[test]
    fn error_names_the_setting_its_value_and_what_would_do() {
        let mut config = Config::sample();
        config.kafka.commit_timeout_ms = 60_000;

        let error = config.validate().unwrap_err().to_string();

        assert_eq!(
            error,
            "setting kafka.commit_timeout_ms is 60000: it must be below kafka.transaction_timeout_ms"
        );
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let cases: [(&str, Spoil); 15] = [
            ("kafka.brokers", |config| config.kafka.brokers.clear()),
            ("kafka.assignment", |config| {
                config.kafka.assignment = "sticky".to_owned()
            }),
            ("kafka.assignment", |config| {
                config.kafka.group_instance_id = "a".to_owned()
            }),
            ("kafka.request_timeout_ms", |config| {
                config.kafka.request_timeout_ms = 0
            }),
            ("kafka.request_timeout_ms", |config| {
                config.kafka.request_timeout_ms = 60_001
            }),
            ("topics.output", |config| {
                config.topics.output = "a".to_owned()
            }),
            ("topics.dead_letters", |config| {
                config.topics.dead_letters = "b".to_owned()
            }),
            ("batch.max_records", |config| config.batch.max_records = 0),
            ("retry.max_ms", |config| config.retry.max_ms = 1),
            ("limits.article_timeout_ms", |config| {
                config.limits.article_timeout_ms = 1_800_000
            }),
            ("limits.stall_timeout_ms", |config| {
                config.limits.stall_timeout_ms = 300_000
            }),
            ("tracing.endpoint", |config| {
                config.tracing.endpoint = "https://collector:4318".to_owned()
            }),
            ("tracing.endpoint", |config| {
                config.tracing.endpoint = "http://user:secret@collector:4318".to_owned()
            }),
            ("tracing.max_queue_spans", |config| {
                config.tracing.max_queue_spans = 0
            }),
            ("kafka.librdkafka", |config| {
                let property = ("isolation.level".to_owned(), "read_uncommitted".to_owned());
                config.kafka.librdkafka = Properties::from_iter([property]);
            }),
        ];

        for (setting, spoil) in cases {
            let mut config = Config::sample();
            spoil(&mut config);
            assert_eq!(config.validate().unwrap_err().setting, setting);
        }
    }
}
