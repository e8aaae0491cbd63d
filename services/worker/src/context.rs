//! The consumer's callbacks: rebalances, statistics and errors, all of them run in its poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fail::fail_point;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use tracing::{debug, info, warn};

use crate::error::{Error, PollError, chain};
use crate::lag::Lag;
use crate::membership::Membership;
use crate::ownership::Ownership;
use crate::refusal::LastRefusal;
use crate::{Health, Metrics};

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
    /// Weighs an error of the poll: an error is returned where the session cannot go on.
    pub(crate) fn poll_failed(&self, error: PollError) -> Result<(), Error> {
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
