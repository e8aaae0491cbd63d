//! A worker on a thread of the test, and the stages that it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use copydesk_proto::{Article, Format};
use copydesk_tests::{Broker, Record, Topics, wait_until};
use copydesk_worker::config::{
    Batch, Delivery, Input, InputFormat, Kafka, Limits, Output, Properties, Retry,
    Topics as TopicNames, Tracing,
};
use copydesk_worker::{
    Budget, Config, Error, Health, Metrics, Pipeline, Shutdown, Stage, StageError, Worker,
};
use tracing_subscriber::EnvFilter;

/// Longest time that a test waits for what takes a second on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Upper-cases. Panics on an article that says `panic`, makes one that says `grow` large, and is at
/// one that says `endless` until its budget is spent.
pub(crate) struct Shout;

impl Stage<Article> for Shout {
    fn name(&self) -> &'static str {
        "shout"
    }

    fn process(&mut self, articles: &mut [Article], budget: &Budget) -> Result<(), StageError> {
        for article in articles {
            article.text = match article.text.as_str() {
                "endless" => loop {
                    budget.check()?;
                    pass(Duration::from_millis(1));
                },
                "panic" => panic!("cannot shout {}", article.id),
                "grow" => "X".repeat(200_000),
                text => text.to_uppercase(),
            };
        }
        Ok(())
    }
}

/// Takes its time for each batch.
pub(crate) struct Slow(pub(crate) Duration);

impl Stage<Article> for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn process(&mut self, _: &mut [Article], _: &Budget) -> Result<(), StageError> {
        pass(self.0);
        Ok(())
    }
}

/// Takes its time for the first batch.
pub(crate) struct SlowOnce(pub(crate) Option<Duration>);

impl Stage<Article> for SlowOnce {
    fn name(&self) -> &'static str {
        "slow_once"
    }

    fn process(&mut self, _: &mut [Article], _: &Budget) -> Result<(), StageError> {
        pass(self.0.take().unwrap_or_default());
        Ok(())
    }
}

/// Fails some times on an article that says `tired`, in a way that may pass.
pub(crate) struct Tired {
    pub(crate) naps: u32,
}

impl Stage<Article> for Tired {
    fn name(&self) -> &'static str {
        "tired"
    }

    fn process(&mut self, articles: &mut [Article], _: &Budget) -> Result<(), StageError> {
        let is_tired = articles.iter().any(|article| article.text == "tired");
        if is_tired && self.naps > 0 {
            self.naps -= 1;
            return Err(StageError::retriable("must rest"));
        }
        Ok(())
    }
}

/// Stands still until it is told to go on, or nobody is left to tell it.
pub(crate) struct Stuck(pub(crate) Receiver<()>);

impl Stage<Article> for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn process(&mut self, _: &mut [Article], _: &Budget) -> Result<(), StageError> {
        self.0.recv().ok();
        Ok(())
    }
}

/// Notes when articles of each partition went through.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<(i32, Instant)>>>);

impl Trace {
    pub(crate) fn passed(&self) -> Vec<(i32, Instant)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Stage<Article> for Trace {
    fn name(&self) -> &'static str {
        "trace"
    }

    fn process(&mut self, articles: &mut [Article], _: &Budget) -> Result<(), StageError> {
        let now = Instant::now();
        let partitions: BTreeSet<i32> = articles.iter().filter_map(partition).collect();
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passed.extend(partitions.into_iter().map(|partition| (partition, now)));
        Ok(())
    }
}

/// The partition that an article came from.
fn partition(article: &Article) -> Option<i32> {
    let input = article.provenance.as_ref()?.input.as_ref()?;
    Some(input.partition)
}

pub(crate) fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

/// Settings for a worker of these topics; the topic's name makes the group its own.
pub(crate) fn config(broker: &Broker, topics: &Topics) -> Config {
    let topics = TopicNames {
        input: topics.raw.name.clone(),
        output: topics.enriched.name.clone(),
        dead_letters: topics.dead_letters.name.clone(),
    };
    config_of(broker.bootstrap().to_owned(), topics)
}

/// The same from what a process can be told.
pub(crate) fn config_of(brokers: String, topics: TopicNames) -> Config {
    Config {
        service: topics.input.clone(),
        kafka: Kafka {
            brokers,
            group: "copydesk.{service}".to_owned(),
            instance: "0".to_owned(),
            transactional_id: "copydesk.{service}.{instance}".to_owned(),
            delivery: Delivery::ExactlyOnce,
            group_instance_id: String::new(),
            assignment: "cooperative-sticky".to_owned(),
            session_timeout_ms: 6_000,
            max_poll_interval_ms: 60_000,
            transaction_timeout_ms: 30_000,
            request_timeout_ms: 5_000,
            commit_timeout_ms: 20_000,
            stop_timeout_ms: 8_000,
            max_record_bytes: 16 << 20,
            prefetch_bytes: 16 << 20,
            librdkafka: Properties::default(),
        },
        topics,
        input: Input {
            format: InputFormat::Auto,
        },
        output: Output {
            format: Format::Json,
            compression: "zstd".to_owned(),
        },
        batch: Batch {
            max_records: 64,
            max_bytes: 4 << 20,
            linger_ms: 20,
        },
        limits: Limits {
            max_value_bytes: 4 << 20,
            article_timeout_ms: 30_000,
            stall_timeout_ms: 60_000,
        },
        retry: Retry {
            initial_ms: 50,
            max_ms: 500,
            max_attempts: 5,
        },
        tracing: Tracing {
            endpoint: String::new(),
            timeout_ms: 1_000,
            max_queue_spans: 4096,
        },
    }
}

/// The same settings for another worker of the group.
pub(crate) fn instance(config: &Config, instance: &str) -> Config {
    let mut config = config.clone();
    config.kafka.instance = instance.to_owned();
    config
}

/// A worker on a thread of its own; stopped when dropped.
pub(crate) struct Running {
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Running {
    /// Starts a worker that shouts.
    pub(crate) fn start(config: Config) -> Self {
        Self::start_with(config, vec![Box::new(Shout)])
    }

    pub(crate) fn start_with(config: Config, stages: Vec<Box<dyn Stage<Article>>>) -> Self {
        show_logs();
        let (metrics, shutdown) = (Metrics::new("test"), Shutdown::new());
        let health = Health::new(&metrics);
        let worker = Worker::new(
            config,
            Pipeline::new(stages),
            metrics.clone(),
            health.clone(),
        );
        let worker = worker.expect("the settings are valid");
        let theirs = shutdown.clone();
        let thread = Some(thread::spawn(move || worker.run(&theirs)));
        Self {
            health,
            metrics,
            shutdown,
            thread,
        }
    }

    pub(crate) fn wait_ready(&self) {
        wait_until("the worker is ready", SOON, || {
            self.health.not_ready().is_none()
        });
    }

    /// Waits until it is not ready for a reason that contains `why`.
    pub(crate) fn wait_not_ready(&self, why: &str) {
        wait_until(&format!("not ready: {why}"), SOON, || {
            self.health
                .not_ready()
                .is_some_and(|reason| reason.contains(why))
        });
    }

    /// Sum of a counter over its labels.
    pub(crate) fn counter(&self, name: &str) -> f64 {
        let families = self.metrics.registry().gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
        metrics
            .iter()
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }

    /// Waits for the value of a counter: readers may see a commit before the worker has counted it.
    pub(crate) fn wait_counter(&self, name: &str, value: f64) {
        wait_until(&format!("{name} is {value}"), SOON, || {
            self.counter(name) == value
        });
    }

    /// Asks it to stop; what it returned, and how long that took.
    pub(crate) fn stop(mut self) -> (Result<(), Error>, Duration) {
        let start = Instant::now();
        self.shutdown.request();
        let result = self
            .thread
            .take()
            .expect("it runs")
            .join()
            .expect("it does not panic");
        (result, start.elapsed())
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait_end(&mut self) -> Result<(), Error> {
        let thread = self.thread.take().expect("it runs");
        wait_until("the worker ends by itself", SOON, || thread.is_finished());
        thread.join().expect("it does not panic")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.request();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Shows the logs of a test that fails, as `RUST_LOG` says.
pub(crate) fn show_logs() {
    let logs = tracing_subscriber::fmt().with_test_writer();
    let logs = logs.with_env_filter(EnvFilter::from_default_env());
    // Fails where another test has done it.
    logs.try_init().ok();
}

/// Articles `0` to `count` with fifty keys, each as long as `bytes`.
pub(crate) fn articles(count: usize, bytes: usize) -> Vec<Record> {
    let article = |i: usize| {
        let text = format!("{i} {}", "x".repeat(bytes));
        Record::new(serde_json::json!({"id": i.to_string(), "text": text}).to_string())
            .key(format!("key {}", i % 50))
    };
    (0..count).map(article).collect()
}

/// Asserts that each of the articles `0` to `count` is there once.
pub(crate) fn assert_each_once(records: &[Record], count: usize) {
    let mut ids: Vec<usize> = records.iter().map(number).collect();
    ids.sort_unstable();
    let wrong: Vec<_> = times(&ids, count)
        .into_iter()
        .filter(|(_, times)| *times != 1)
        .collect();
    assert!(
        wrong.is_empty(),
        "articles and how often each is there: {wrong:?}"
    );
}

/// Asserts that each of the articles `0` to `count` is there, be it more than once.
pub(crate) fn assert_none_lost(records: &[Record], count: usize) {
    let ids: BTreeSet<usize> = records.iter().map(number).collect();
    let lost: Vec<_> = (0..count).filter(|id| !ids.contains(id)).collect();
    assert!(lost.is_empty(), "articles that are not there: {lost:?}");
}

/// How many different articles there are.
pub(crate) fn distinct(records: &[Record]) -> usize {
    let ids: BTreeSet<_> = records.iter().map(Record::id).collect();
    ids.len()
}

/// The id of one of [`articles`].
fn number(record: &Record) -> usize {
    record.id().parse().expect("ids of articles are numbers")
}

fn times(ids: &[usize], count: usize) -> BTreeMap<usize, usize> {
    let mut times: BTreeMap<usize, usize> = (0..count).map(|id| (id, 0)).collect();
    for id in ids {
        *times.entry(*id).or_default() += 1;
    }
    times
}

/// Asserts that records with the same key are in the order of their ids.
pub(crate) fn assert_order_per_key(records: &[Record]) {
    let mut last: BTreeMap<&[u8], usize> = BTreeMap::new();
    for record in records {
        let (key, id) = (
            record.key.as_deref().expect("articles have keys"),
            number(record),
        );
        if let Some(before) = last.insert(key, id) {
            assert!(before < id, "{before} before {id} under one key");
        }
    }
}
