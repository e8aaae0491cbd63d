//! The consumer. Rebalances are served in its poll and nowhere else, on the worker's own thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use fail::fail_point;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use tracing::{debug, info, warn};

use crate::batch::{Batch, InFlight};
use crate::config::{self, Config};
use crate::error::{Error, PollError, chain};
use crate::lag::Lag;
use crate::membership::Membership;
use crate::ownership::Ownership;
use crate::positions::Positions;
use crate::record::Record;
use crate::refusal::LastRefusal;
use crate::{Health, Metrics, clients};

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

/// What librdkafka calls back into, on the polling thread.
pub(crate) struct Context {
    pub(crate) topic: Arc<str>,
    pub(crate) brokers: String,
    pub(crate) group_instance_id: String,
    pub(crate) ownership: Arc<Ownership>,
    /// How long a partition's transaction may take to end before the partition goes without it.
    pub(crate) patience: Duration,
    pub(crate) lag: Lag,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    pub(crate) membership: Membership,
    /// Whether the partitions are paused, since the next batch is full already.
    pub(crate) paused: AtomicBool,
    /// Whether a callback was run. The poll that runs it has no record, though there may be more.
    pub(crate) served: AtomicBool,
    /// Whether there is an assignment, be it empty: another worker may have all the partitions.
    pub(crate) assigned: AtomicBool,
    /// Whether no broker could be reached, when it was last tried.
    pub(crate) broker_lost: AtomicBool,
    /// Whether another consumer may be in the place of this one, which has no more to say of health.
    pub(crate) closed: AtomicBool,
    pub(crate) refusal: LastRefusal,
}

impl Context {
    fn poll_failed(&self, error: PollError) -> Result<(), Error> {
        match error {
            PollError::Passing(error) => debug!(%error, "poll"),
            PollError::Unreachable(cause) => {
                self.broker_lost.store(true, Ordering::Relaxed);
                let error = Error::unreachable(&self.brokers, cause, self.refusal.take());
                let error = chain(&error);
                // Its return is waited for; to end the process would not bring it sooner.
                self.health.hold();
                if self.health.set_not_ready(&*error) {
                    warn!(error, "broker lost, librdkafka goes on trying");
                }
            }
            PollError::Inconsistent(cause) => {
                let error = chain(&Error::Inconsistent { cause });
                self.health.hold();
                if self.health.set_not_ready(&*error) {
                    warn!(
                        error,
                        "the group refuses this worker, librdkafka goes on trying"
                    );
                }
            }
            PollError::Replaced(cause) if self.membership.meets_itself() => {
                return Err(Error::Broken {
                    step: "go on as the member that the group has dropped",
                    cause,
                });
            }
            PollError::Replaced(cause) => {
                return Err(Error::Replaced {
                    group_instance_id: self.group_instance_id.clone(),
                    cause,
                });
            }
            PollError::Broken(cause) => {
                return Err(Error::Broken {
                    step: "consume",
                    cause,
                });
            }
        }
        Ok(())
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        // In this order: where the assignment is lost after the check, the member or generation in
        // the metadata is one that the broker refuses.
        let proof = consumer.group_metadata();
        let proof = proof.filter(|_| !consumer.assignment_lost());
        self.ownership.assign(partitions, proof);
        self.assigned.store(true, Ordering::Relaxed);
        self.membership.renew();
        if self.ownership.count() == 0 {
            self.health.hold();
        }
        self.health.set_ready();
        info!(topic = %self.topic, ?partitions, "partitions assigned");
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        if consumer.assignment_lost() {
            self.ownership.lose(partitions);
            self.membership
                .lose(consumer.client().fatal_error().is_some());
            self.assigned.store(false, Ordering::Relaxed);
            self.health.repeat();
            self.health
                .set_not_ready("partitions lost, joining the group again");
            warn!(topic = %self.topic, ?partitions, "partitions lost");
        } else {
            self.ownership.revoke(partitions, self.patience);
            info!(topic = %self.topic, ?partitions, "partitions revoked");
        }
        self.lag.forget(partitions);
        if self.ownership.count() == 0 {
            self.health.hold();
        }
    }

    /// Has the watchdog know whether there is work that can be done. There may be where the ends of
    /// the partitions are not known yet.
    fn note_work(&self, lag: Option<i64>) {
        if self.ownership.count() == 0 {
            return;
        }
        match lag {
            Some(0) => self.health.idle(),
            Some(_) => self.health.busy(),
            None => {}
        }
    }
}

impl ConsumerContext for Context {
    /// Runs before librdkafka assigns or gives up the partitions, and holds it up.
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        fail_point!("before-rebalance");
        self.served.store(true, Ordering::Relaxed);
        self.metrics.rebalances.inc();
        match rebalance {
            Rebalance::Assign(list) => self.assign(consumer, &partitions(list)),
            Rebalance::Revoke(list) => self.revoke(consumer, &partitions(list)),
            Rebalance::Error(error) => warn!(%error, "rebalance failed"),
        }
        let assigned = i64::try_from(self.ownership.count()).unwrap_or(i64::MAX);
        self.metrics.partitions_assigned.set(assigned);
        fail_point!("after-rebalance");
    }

    /// Runs once librdkafka has assigned or given up the partitions.
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(list) = rebalance else {
            return;
        };
        let done = match self.paused.load(Ordering::Relaxed) {
            true => consumer.pause(list),
            // A partition that was taken away while it was paused would come back paused.
            false => consumer.resume(list),
        };
        if let Err(error) = done {
            warn!(%error, "cannot pause or resume partitions");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The consumer's poll returns it as well, without the reason: see `poll_failed`.
        self.refusal.note(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.served.store(true, Ordering::Relaxed);
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        self.metrics.fetch_queue.show(fetched(&statistics));
        let lag = self.lag.observe(&statistics, |partition| {
            self.ownership.epoch(partition).is_some()
        });
        let is_up = statistics
            .brokers
            .values()
            .any(|broker| broker.nodeid >= 0 && broker.state == "UP");
        if is_up {
            self.note_work(lag);
        }
        // Any other reason not to be ready is for who gave it to take back.
        let was_lost = is_up && self.broker_lost.swap(false, Ordering::Relaxed);
        if was_lost && self.assigned.load(Ordering::Relaxed) {
            self.health.set_ready();
        }
    }
}

/// Records and bytes that are fetched and not yet polled. The partitions have one queue together,
/// and each that is read states its size.
fn fetched(statistics: &Statistics) -> (u64, u64) {
    let topics = statistics.topics.values();
    let partitions = topics.flat_map(|topic| topic.partitions.values());
    let queues = partitions.map(|queue| (queue.fetchq_cnt.unsigned_abs(), queue.fetchq_size));
    queues.max().unwrap_or_default()
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements()
        .iter()
        .map(|element| element.partition())
        .collect()
}
