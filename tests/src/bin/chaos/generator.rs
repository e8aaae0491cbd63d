//! The generator: writes articles at a steady rate, and knows which of them were acknowledged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use copydesk_tests::{Record, wait_until};
use copydesk_worker::Shutdown;
use fastrand::Rng;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde_json::json;

use crate::article::Article;
use crate::evidence::Place;
use crate::history::{ACKNOWLEDGED, History};

/// Between two handfuls of articles.
const TICK: Duration = Duration::from_millis(50);

/// What was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// All articles; of those that were not acknowledged nobody knows whether they are there.
    pub(crate) articles: u64,
    /// Articles by their number, with the place that the broker gave them.
    pub(crate) acknowledged: Vec<(u64, Place)>,
}

/// A generator at work.
#[derive(Debug)]
pub(crate) struct Generator {
    stop: Shutdown,
    thread: JoinHandle<Sent>,
}

impl Generator {
    /// Starts it, on a direct connection to the broker.
    pub(crate) fn start(
        bootstrap: &str,
        topic: &str,
        per_second: u32,
        seed: u64,
        history: &Arc<History>,
    ) -> Self {
        let stop = Shutdown::new();
        let work = Work {
            producer: producer(bootstrap, history),
            topic: topic.to_owned(),
            random: Rng::with_seed(seed),
            period: Duration::from_secs(1) / per_second,
            written: 0,
        };
        let theirs = stop.clone();
        let thread = thread::spawn(move || work.run(&theirs));
        Self { stop, thread }
    }

    /// Stops it, once the broker has answered for every article.
    pub(crate) fn stop(self) -> Sent {
        self.stop.request();
        self.thread.join().expect("the generator does not panic")
    }
}

fn producer(bootstrap: &str, history: &Arc<History>) -> ThreadedProducer<Receipts> {
    let receipts = Receipts {
        history: Arc::clone(history),
        acknowledged: Mutex::default(),
    };
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", bootstrap);
    client.set("enable.idempotence", "true");
    client.set("linger.ms", "5");
    client.set("reconnect.backoff.max.ms", "500");
    client.set("partitioner", "murmur2_random");
    let producer = client.create_with_context(receipts);
    producer.expect("the settings are librdkafka's")
}

struct Work {
    producer: ThreadedProducer<Receipts>,
    topic: String,
    random: Rng,
    period: Duration,
    written: u64,
}

impl Work {
    fn run(mut self, stop: &Shutdown) -> Sent {
        let start = Instant::now();
        while !stop.wait_timeout(TICK) {
            let due = start.elapsed().as_nanos() / self.period.as_nanos();
            while u128::from(self.written) < due {
                self.write();
            }
        }
        // Longer than a record may wait for its delivery: five minutes by default.
        let limit = Duration::from_secs(330);
        wait_until("the broker has answered for every article", limit, || {
            self.producer.in_flight_count() == 0
        });
        let acknowledged = self.producer.context().lock().clone();
        Sent {
            articles: self.written,
            acknowledged,
        }
    }

    fn write(&mut self) {
        let article = Article::random(self.written, &mut self.random);
        let record = article.record(&mut self.random);
        let send = BaseRecord {
            topic: &self.topic,
            partition: None,
            payload: record.value.as_deref(),
            key: record.key.as_deref(),
            timestamp: None,
            headers: Some(headers(&record)),
            delivery_opaque: Box::new(self.written),
        };
        let sent = self.producer.send(send).map_err(|(error, _)| error);
        sent.expect("the queue has room for an outage");
        self.written += 1;
    }
}

fn headers(record: &Record) -> OwnedHeaders {
    let empty = OwnedHeaders::new();
    record.headers.iter().fold(empty, |headers, (key, value)| {
        let value = Some(value);
        headers.insert(Header { key, value })
    })
}

/// What the broker has acknowledged.
struct Receipts {
    history: Arc<History>,
    acknowledged: Mutex<Vec<(u64, Place)>>,
}

impl Receipts {
    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Place)>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProducerContext for Receipts {
    /// Number of the article.
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        match result {
            Ok(message) => {
                let place = (message.partition(), message.offset());
                self.history
                    .note(ACKNOWLEDGED, json!([*number, place.0, place.1]));
                self.lock().push((*number, place));
            }
            Err((error, _)) => {
                self.history
                    .note("not acknowledged", json!([*number, error.to_string()]));
            }
        }
    }
}

impl ClientContext for Receipts {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}
