//! What the model reads and finds, as metrics.

use copydesk_encoder::{ModelFolder, Usage};
use copydesk_proto::{Entity, Topic};
use prometheus::core::Collector;
use prometheus::{
    Counter, CounterVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Outcomes of a new model.
const CHANGED: &str = "changed";
const REFUSED: &str = "refused";

/// Handles of this crate's metrics.
///
/// Means and shares are left to who asks: a sum divided by a count holds over any time and any
/// number of workers.
pub(crate) struct Metrics {
    model: IntGaugeVec,
    model_changes: IntCounterVec,
    model_refused: IntGauge,
    engine_batches: IntCounter,
    windows: IntCounter,
    tokens: IntCounter,
    padded_tokens: IntCounter,
    engine_seconds: Counter,
    cache_hits: IntCounter,
    cache_misses: IntCounter,
    cache_tokens: IntCounter,
    cache_bytes: IntGauge,
    articles_tagged: IntCounter,
    articles_without_entities: IntCounter,
    entities: IntCounterVec,
    entity_scores: CounterVec,
    articles_classified: IntCounter,
    articles_without_topics: IntCounter,
    topics: IntCounterVec,
    topic_scores: CounterVec,
}

impl Metrics {
    /// Declares the metrics in a registry.
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let new = Declare(registry);
        let model_changes = new.counter_by(
            "copydesk_model_changes_total",
            "New models that were tried while the worker ran, by outcome: changed or refused.",
            "outcome",
        )?;
        for outcome in [CHANGED, REFUSED] {
            // So that the first one is seen as a change.
            model_changes.with_label_values(&[outcome]);
        }
        Ok(Self {
            model: new.info(
                "copydesk_model_info",
                "Always 1; the model, its taxonomy and what runs it are labels.",
                &["model", "taxonomy", "engine"],
            )?,
            model_changes,
            model_refused: new.add(IntGauge::new(
                "copydesk_model_refused",
                "1 while the model folder has a model that was refused, else 0.",
            )?)?,
            engine_batches: new.counter("copydesk_engine_batches_total", "Runs of the model.")?,
            windows: new.counter("copydesk_windows_total", "Windows that the model has read.")?,
            tokens: new.counter("copydesk_tokens_total", "Tokens that the model has read.")?,
            padded_tokens: new.counter(
                "copydesk_padded_tokens_total",
                "Tokens that the engine has computed, padding counted.",
            )?,
            engine_seconds: new.add(Counter::new(
                "copydesk_engine_seconds_total",
                "Time in which the engine had a batch to work on.",
            )?)?,
            cache_hits: new.counter(
                "copydesk_cache_hits_total",
                "Windows that the model has read before, and did not read again.",
            )?,
            cache_misses: new.counter(
                "copydesk_cache_misses_total",
                "Windows that the model had not read before, or that were forgotten.",
            )?,
            cache_tokens: new.counter(
                "copydesk_cache_tokens_total",
                "Tokens of the windows that the model did not read again.",
            )?,
            cache_bytes: new.add(IntGauge::new(
                "copydesk_cache_bytes",
                "Memory that is taken by what was found in windows.",
            )?)?,
            articles_tagged: new.counter(
                "copydesk_articles_tagged_total",
                "Articles in which entities were looked for.",
            )?,
            articles_without_entities: new.counter(
                "copydesk_articles_without_entities_total",
                "Articles in which no entity was found.",
            )?,
            entities: new.counter_by(
                "copydesk_entities_total",
                "Entities found, by label.",
                "label",
            )?,
            entity_scores: new.sum_by(
                "copydesk_entity_scores_total",
                "Sum of the scores of the entities found, by label.",
                "label",
            )?,
            articles_classified: new.counter(
                "copydesk_articles_classified_total",
                "Articles for which topics were looked for.",
            )?,
            articles_without_topics: new.counter(
                "copydesk_articles_without_topics_total",
                "Articles that no topic was given to.",
            )?,
            topics: new.counter_by("copydesk_topics_total", "Topics given, by code.", "code")?,
            topic_scores: new.sum_by(
                "copydesk_topic_scores_total",
                "Sum of the scores of the topics given, by code.",
                "code",
            )?,
        })
    }

    /// Tells which model is in use and what runs it, and forgets the one before.
    pub(crate) fn show_model(&self, folder: &ModelFolder, engine: &str) {
        let head = folder.topic_head();
        // The number of streams differs by machine.
        let engine = engine.split(',').next().unwrap_or(engine);
        self.model.reset();
        self.model
            .with_label_values(&[&folder.version(), &head.taxonomy, engine])
            .set(1);
    }

    /// Begins each label at nothing found: one that is never found is to be seen.
    pub(crate) fn expect_labels<'l>(&self, labels: impl IntoIterator<Item = &'l str>) {
        begin(labels, &self.entities, &self.entity_scores);
    }

    /// The same of topics' codes.
    pub(crate) fn expect_codes<'c>(&self, codes: impl IntoIterator<Item = &'c str>) {
        begin(codes, &self.topics, &self.topic_scores);
    }

    /// Counts a model that took the place of another.
    pub(crate) fn count_change(&self) {
        self.model_changes.with_label_values(&[CHANGED]).inc();
        self.model_refused.set(0);
    }

    /// Counts a model that cannot be used.
    pub(crate) fn count_refusal(&self) {
        self.model_changes.with_label_values(&[REFUSED]).inc();
        self.model_refused.set(1);
    }

    /// Says that the folder has the model that is in use again.
    pub(crate) fn forget_refusal(&self) {
        self.model_refused.set(0);
    }

    /// Adds what the encoder has done between two moments.
    pub(crate) fn count_usage(&self, before: Usage, after: Usage) {
        self.engine_batches.inc_by(after.batches - before.batches);
        self.windows.inc_by(after.windows - before.windows);
        self.tokens.inc_by(after.tokens - before.tokens);
        self.padded_tokens
            .inc_by(after.padded_tokens - before.padded_tokens);
        self.engine_seconds.inc_by(after.seconds - before.seconds);
    }

    /// Counts windows by whether they were known, and the tokens of those that were.
    pub(crate) fn count_lookups(&self, hits: usize, misses: usize, tokens: u64) {
        self.cache_hits.inc_by(hits as u64);
        self.cache_misses.inc_by(misses as u64);
        self.cache_tokens.inc_by(tokens);
    }

    /// Tells how much memory the cache takes.
    pub(crate) fn show_cache(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.cache_bytes.set(bytes);
    }

    /// Counts the entities of an article.
    pub(crate) fn count_entities(&self, entities: &[Entity]) {
        self.articles_tagged.inc();
        self.articles_without_entities
            .inc_by(entities.is_empty().into());
        for Entity { label, score, .. } in entities {
            self.entities.with_label_values(&[label]).inc();
            let scores = self.entity_scores.with_label_values(&[label]);
            scores.inc_by(f64::from(*score));
        }
    }

    /// Counts the topics of an article.
    pub(crate) fn count_topics(&self, topics: &[Topic]) {
        self.articles_classified.inc();
        self.articles_without_topics
            .inc_by(topics.is_empty().into());
        for Topic { code, score, .. } in topics {
            self.topics.with_label_values(&[code]).inc();
            let scores = self.topic_scores.with_label_values(&[code]);
            scores.inc_by(f64::from(*score));
        }
    }
}

/// Begins each value's count and its sum of scores at 0.
fn begin<'v>(values: impl IntoIterator<Item = &'v str>, counts: &IntCounterVec, sums: &CounterVec) {
    for value in values {
        counts.with_label_values(&[value]);
        sums.with_label_values(&[value]);
    }
}

/// Makes metrics and registers them.
struct Declare<'r>(&'r Registry);

impl Declare<'_> {
    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(IntCounter::new(name, help)?)
    }

    fn counter_by(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }

    fn sum_by(&self, name: &str, help: &str, label: &str) -> prometheus::Result<CounterVec> {
        self.add(CounterVec::new(Opts::new(name, help), &[label])?)
    }

    fn info(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> prometheus::Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(&Registry::new()).unwrap()
    }

    fn person(score: f32) -> Entity {
        Entity {
            label: "PERSON".to_owned(),
            score,
            ..Entity::default()
        }
    }

    #[test]
    fn entities_are_counted_with_their_scores() {
        let metrics = metrics();

        metrics.count_entities(&[person(0.5), person(0.75)]);
        metrics.count_entities(&[]);

        assert_eq!(metrics.articles_tagged.get(), 2);
        assert_eq!(metrics.articles_without_entities.get(), 1);
        let labels = ["PERSON"];
        assert_eq!(metrics.entities.with_label_values(&labels).get(), 2);
        assert_eq!(metrics.entity_scores.with_label_values(&labels).get(), 1.25);
    }

    #[test]
    fn what_is_never_found_is_to_be_seen() {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();

        metrics.expect_labels(["CVE", "PERSON"]);
        metrics.expect_codes(["15000000"]);

        let families = registry.gather();
        let counted = |name: &str| {
            let family = families.iter().find(|family| family.name() == name);
            family.map_or(0, |family| family.get_metric().len())
        };
        assert_eq!(counted("copydesk_entities_total"), 2);
        assert_eq!(counted("copydesk_topic_scores_total"), 1);
    }

    #[test]
    fn topics_are_counted_with_their_scores() {
        let metrics = metrics();
        let topic = Topic {
            code: "15000000".to_owned(),
            score: 0.5,
            ..Topic::default()
        };

        metrics.count_topics(&[topic]);
        metrics.count_topics(&[]);

        assert_eq!(metrics.articles_classified.get(), 2);
        assert_eq!(metrics.articles_without_topics.get(), 1);
        let codes = ["15000000"];
        assert_eq!(metrics.topics.with_label_values(&codes).get(), 1);
        assert_eq!(metrics.topic_scores.with_label_values(&codes).get(), 0.5);
    }

    #[test]
    fn usage_is_counted_from_one_moment_to_the_next() {
        let metrics = metrics();
        let before = Usage {
            batches: 1,
            windows: 2,
            tokens: 30,
            padded_tokens: 40,
            seconds: 0.5,
        };
        let after = Usage {
            batches: 3,
            windows: 6,
            tokens: 90,
            padded_tokens: 104,
            seconds: 1.5,
        };

        metrics.count_usage(before, after);

        assert_eq!(metrics.engine_batches.get(), 2);
        assert_eq!(metrics.windows.get(), 4);
        assert_eq!(
            (metrics.tokens.get(), metrics.padded_tokens.get()),
            (60, 64)
        );
        assert_eq!(metrics.engine_seconds.get(), 1.0);
    }
}
