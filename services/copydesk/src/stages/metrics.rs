//! What the model reads and finds, as metrics.

use copydesk_encoder::Usage;
use copydesk_proto::{Entity, Topic};
use prometheus::{Counter, IntCounter, IntCounterVec, Opts, Registry};

/// Handles of this crate's metrics.
pub(crate) struct Metrics {
    windows: IntCounter,
    tokens: IntCounter,
    padded_tokens: IntCounter,
    engine_seconds: Counter,
    entities: IntCounterVec,
    topics: IntCounterVec,
}

impl Metrics {
    /// Declares the metrics in a registry.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            windows: IntCounter::new("copydesk_windows_total", "Windows that the model has read")?,
            tokens: IntCounter::new("copydesk_tokens_total", "Tokens that the model has read")?,
            padded_tokens: IntCounter::new(
                "copydesk_padded_tokens_total",
                "Tokens that the engine has computed, padding counted",
            )?,
            engine_seconds: Counter::new(
                "copydesk_engine_seconds_total",
                "Time that the engine has run",
            )?,
            entities: IntCounterVec::new(
                Opts::new("copydesk_entities_total", "Entities found, by label"),
                &["label"],
            )?,
            topics: IntCounterVec::new(
                Opts::new(
                    "copydesk_topics_total",
                    "Topics given, by IPTC Media Topics code",
                ),
                &["code"],
            )?,
        };
        registry.register(Box::new(metrics.windows.clone()))?;
        registry.register(Box::new(metrics.tokens.clone()))?;
        registry.register(Box::new(metrics.padded_tokens.clone()))?;
        registry.register(Box::new(metrics.engine_seconds.clone()))?;
        registry.register(Box::new(metrics.entities.clone()))?;
        registry.register(Box::new(metrics.topics.clone()))?;
        Ok(metrics)
    }

    /// Adds what the encoder has done between two moments.
    pub(crate) fn count_usage(&self, before: Usage, after: Usage) {
        self.windows.inc_by(after.windows - before.windows);
        self.tokens.inc_by(after.tokens - before.tokens);
        self.padded_tokens
            .inc_by(after.padded_tokens - before.padded_tokens);
        self.engine_seconds.inc_by(after.seconds - before.seconds);
    }

    /// Counts the entities of an article.
    pub(crate) fn count_entities(&self, entities: &[Entity]) {
        for entity in entities {
            self.entities.with_label_values(&[&entity.label]).inc();
        }
    }

    /// Counts the topics of an article.
    pub(crate) fn count_topics(&self, topics: &[Topic]) {
        for topic in topics {
            self.topics.with_label_values(&[&topic.code]).inc();
        }
    }
}
