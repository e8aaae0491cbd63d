//! The consumer. Rebalances are served in its poll and nowhere else, on the worker's own thread: see
//! `context`.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionList;
use tracing::warn;

use crate::batch::{Batch, InFlight};
use crate::config::Config;
use crate::context::Context;
use crate::error::{Error, PollError};
use crate::ownership::Ownership;
use crate::positions::Positions;
use crate::record::Record;
use crate::{clients, config};

/// How often an idle poll looks up, e.g. for a request to stop.
const IDLE: Duration = Duration::from_millis(100);
/// Limit on one question at the start, so that a request to stop is seen.
const PROBE: Duration = Duration::from_secs(3);

/// Reads records into batches.
pub(crate) struct Source {
    consumer: Arc<BaseConsumer<Context>>,
    topic: Arc<str>,
    ownership: Arc<Ownership>,
    positions: Positions,
    /// Records of the next batch so far.
    batch: Batch,
    limits: config::Batch,
}

impl Source {
    /// Makes a consumer that does not read yet.
    pub(crate) fn new(config: &Config, context: Context) -> Result<Self, Error> {
        let (topic, ownership) = (Arc::clone(&context.topic), Arc::clone(&context.ownership));
        let consumer: BaseConsumer<_> = clients::consumer(config)
            .create_with_context(context)
            .map_err(Error::of_client)?;
        let in_flight = InFlight::new(&consumer.context().metrics);
        let (batch, limits) = (Batch::new(in_flight), config.batch.clone());
        let positions = Positions::new(Arc::clone(&topic), config.kafka.request_timeout());
        Ok(Self {
            consumer: Arc::new(consumer),
            topic,
            ownership,
            positions,
            batch,
            limits,
        })
    }

    /// Checks that a broker answers and that the topics exist.
    pub(crate) fn check_topics(&self, config: &Config) -> Result<(), Error> {
        let config::Topics {
            input,
            output,
            dead_letters,
        } = &config.topics;
        let timeout = config.kafka.request_timeout().min(PROBE);
        for topic in [input, output, dead_letters] {
            let metadata = self
                .consumer
                .fetch_metadata(Some(topic), timeout)
                .map_err(|cause| {
                    let refusal = self.consumer.context().refusal.ask(&self.consumer);
                    Error::unreachable(&config.kafka.brokers, cause, refusal)
                })?;
            let described = metadata
                .topics()
                .iter()
                .find(|described| described.name() == topic);
            if let Some(error) = described.and_then(|described| described.error()) {
                return Err(Error::of_topic(topic, error.into()));
            }
        }
        Ok(())
    }

    /// The consumer, for the sink to commit offsets with.
    pub(crate) fn consumer(&self) -> Arc<BaseConsumer<Context>> {
        Arc::clone(&self.consumer)
    }

    /// Joins the group.
    pub(crate) fn subscribe(&self) -> Result<(), Error> {
        let broken = |cause| Error::Broken {
            step: "subscribe",
            cause,
        };
        self.consumer.subscribe(&[&self.topic]).map_err(broken)
    }

    /// The next batch: full, or as long after its first record as a batch may linger. `None` when
    /// nothing came for a moment, or `interrupted` says to look up.
    pub(crate) fn next_batch(
        &mut self,
        interrupted: impl Fn() -> bool,
    ) -> Result<Option<Batch>, Error> {
        self.resume();
        loop {
            let time_left = self.batch.time_left();
            if self.batch.is_full(&self.limits) {
                break;
            }
            let is_queue_empty = !self.poll(time_left.map_or(IDLE, |left| left.min(IDLE)))?;
            if interrupted() || (time_left.is_none() && self.batch.records.is_empty()) {
                return Ok(None);
            }
            // Not before: the first record may have waited for the sink longer than it may linger,
            // with others behind it that are fetched already.
            if is_queue_empty && time_left == Some(Duration::ZERO) {
                break;
            }
        }
        // Partitions may have gone while the batch was gathered.
        self.batch.retain(|record| self.ownership.owns(record));
        let batch = self.batch.take();
        Ok((!batch.records.is_empty()).then_some(batch))
    }

    /// Serves callbacks while a batch is in hand. A record that comes meanwhile belongs to the next
    /// batch; once that is full, no more are asked for.
    pub(crate) fn serve(&mut self, timeout: Duration) -> Result<(), Error> {
        let paused = &self.consumer.context().paused;
        if self.batch.is_full(&self.limits) && !paused.swap(true, Ordering::Relaxed) {
            self.with_assignment(|consumer, partitions| consumer.pause(partitions));
        }
        self.poll(timeout)?;
        Ok(())
    }

    fn resume(&mut self) {
        let paused = &self.consumer.context().paused;
        if paused.swap(false, Ordering::Relaxed) {
            self.with_assignment(|consumer, partitions| consumer.resume(partitions));
        }
    }

    fn with_assignment(
        &self,
        call: impl FnOnce(&BaseConsumer<Context>, &TopicPartitionList) -> KafkaResult<()>,
    ) {
        let partitions = self.consumer.assignment();
        if let Err(error) = partitions.and_then(|partitions| call(&self.consumer, &partitions)) {
            warn!(%error, "cannot pause or resume partitions");
        }
    }

    /// Whether there was something to poll: a record, or other news of librdkafka's.
    fn poll(&mut self, timeout: Duration) -> Result<bool, Error> {
        let polled = self.consumer.poll(timeout);
        let context = self.consumer.context();
        let message = match polled {
            None => return Ok(context.served.swap(false, Ordering::Relaxed)),
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                context.poll_failed(PollError::new(error, &self.consumer))?;
                return Ok(true);
            }
        };
        // A record may still come out of a partition whose revocation has been served.
        let partition = rdkafka::Message::partition(&message);
        if let Some(epoch) = self.ownership.epoch(partition) {
            let record = Record::read(&message, &self.topic, epoch);
            if self.positions.admit(&self.consumer, &record)? {
                self.consumer.context().lag.read(&record);
                self.batch.push(record, &self.limits);
            }
        }
        Ok(true)
    }

    /// Leaves the group and drops the consumer, within `timeout`.
    pub(crate) fn close(self, timeout: Duration) {
        let (done, closed) = mpsc::channel();
        let consumer = self.consumer;
        consumer.context().closed.store(true, Ordering::Relaxed);
        // Dropping a consumer can hang in librdkafka (rust-rdkafka #453, #611): then its thread is
        // left behind, and the broker lets the member go when its session ends.
        let drop_consumer = move || {
            drop(consumer);
            done.send(()).ok();
        };
        match thread::Builder::new()
            .name("consumer-close".to_owned())
            .spawn(drop_consumer)
        {
            Ok(_) if closed.recv_timeout(timeout).is_ok() => {}
            Ok(_) => warn!("consumer did not close in time, left behind"),
            Err(error) => warn!(%error, "no thread to close the consumer on"),
        }
    }
}
