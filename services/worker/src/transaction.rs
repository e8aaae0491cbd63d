//! Transactions: the records of a batch and the offsets that they came from, all or nothing.
//!
//! With `kafka.delivery = "at_least_once"` there is none: the records first, and when all of them
//! are delivered, their offsets. What is between the two may be done twice.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fail::fail_point;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::debug;

use crate::Shutdown;
use crate::batch::Outcome;
use crate::config::Config;
use crate::context::Context;
use crate::error::Error;
use crate::metrics::Queue;
use crate::outbox::{Outbox, Resent};
use crate::ownership::Claim;

/// Limit on one try to initialise, so that a request to stop is seen.
const PROBE: Duration = Duration::from_secs(3);
/// Before a call that may be repeated is repeated.
const PAUSE: Duration = Duration::from_millis(10);

/// Commits batches, in transactions of their own or after delivery.
pub(crate) struct Transactions {
    outbox: Outbox,
    /// Commits the offsets where there is no transaction to do it.
    consumer: Option<Arc<BaseConsumer<Context>>>,
    config: Config,
    /// A call that took longer than one request may. librdkafka sends a request again then, and the
    /// broker cannot tell a copy that comes late from a call of the next transaction: both have the
    /// producer's one epoch (KIP-890, which is in no broker before 4.0).
    late: Cell<Option<&'static str>>,
}

impl Transactions {
    /// Makes a producer, and ends what an earlier one with the same id has left open. That one is
    /// fenced from now on. What waits in its queue is shown in `queue`.
    pub(crate) fn open(
        config: &Config,
        queue: Option<Queue>,
        shutdown: &Shutdown,
    ) -> Result<Self, Error> {
        let transactions = Self::new(config, queue, None)?;
        fail_point!("before-init");
        transactions.initialise(shutdown)?;
        Ok(transactions)
    }

    /// Makes a producer of records that count at once; `consumer` commits their offsets.
    pub(crate) fn forgo(
        config: &Config,
        queue: Option<Queue>,
        consumer: Arc<BaseConsumer<Context>>,
    ) -> Result<Self, Error> {
        Self::new(config, queue, Some(consumer))
    }

    fn new(
        config: &Config,
        queue: Option<Queue>,
        consumer: Option<Arc<BaseConsumer<Context>>>,
    ) -> Result<Self, Error> {
        Ok(Self {
            outbox: Outbox::new(config, queue)?,
            consumer,
            config: config.clone(),
            late: Cell::new(None),
        })
    }

    fn initialise(&self, shutdown: &Shutdown) -> Result<(), Error> {
        let deadline = self.deadline();
        loop {
            let step = "initialise transactions";
            let Err(cause) = self.outbox.producer().init_transactions(PROBE) else {
                return Ok(());
            };
            let cause = Error::in_transaction(step, cause)?;
            if Instant::now() >= deadline || shutdown.is_requested() {
                return Err(Error::Broken { step, cause });
            }
        }
    }

    /// Tries to produce all outcomes and to commit them with their offsets, which it returns.
    ///
    /// After [`Error::Abort`] and [`Error::Rebalanced`] the transaction is to be aborted; after
    /// any other error nobody knows its outcome, and the producer is to be dropped.
    pub(crate) fn commit(
        &self,
        claim: &Claim<'_>,
        outcomes: &mut [Outcome],
    ) -> Result<HashMap<i32, i64>, Error> {
        let next = next_offsets(outcomes);
        let offsets = offset_list(&self.config.topics.input, &next)?;
        match &self.consumer {
            None => {
                let produce = |deadline| self.outbox.produce(outcomes, deadline);
                self.transact(produce, &offsets, &claim.proof)?;
            }
            Some(consumer) => self.deliver(outcomes, &offsets, consumer)?,
        }
        Ok(next)
    }

    /// Tries to produce records as they are and to commit them, with the offsets of `topic` where
    /// reading goes on. What an error means is as for [`Transactions::commit`].
    pub(crate) fn resend(
        &self,
        records: &[Resent],
        topic: &str,
        next: &HashMap<i32, i64>,
        proof: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        let offsets = offset_list(topic, next)?;
        let produce = |deadline| self.outbox.resend(records, deadline);
        self.transact(produce, &offsets, proof)
    }

    /// Records and offsets in one transaction.
    fn transact(
        &self,
        produce: impl FnOnce(Instant) -> Result<(), Error>,
        offsets: &TopicPartitionList,
        proof: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        let producer = self.outbox.producer();
        fail_point!("before-begin");
        self.begin()?;
        fail_point!("after-begin");
        produce(self.deadline())?;
        fail_point!("before-send-offsets");
        self.retried("send offsets", |timeout| {
            let timeout = timeout.min(self.config.kafka.request_timeout());
            producer.send_offsets_to_transaction(offsets, proof, timeout)
        })?;
        fail_point!("before-commit");
        self.retried("commit", |timeout| producer.commit_transaction(timeout))?;
        fail_point!("after-commit");
        Ok(())
    }

    /// Begins a transaction, unless a call for the one before may still be on its way.
    fn begin(&self) -> Result<(), Error> {
        if let Some(step) = self.late.get() {
            return Err(Error::Late { step });
        }
        let producer = self.outbox.producer();
        self.retried("begin", |_| producer.begin_transaction())
    }

    /// Records first, then offsets. What is delivered stays so, and is not sent again when only
    /// the rest has failed. Here the consumer's present generation will do: whoever commits
    /// offsets has delivered all that is before them, so that at worst they go back.
    fn deliver(
        &self,
        outcomes: &mut [Outcome],
        offsets: &TopicPartitionList,
        consumer: &BaseConsumer<Context>,
    ) -> Result<(), Error> {
        let produced = self.outbox.produce(outcomes, self.deadline());
        self.outbox.note_delivered(outcomes);
        produced?;
        fail_point!("before-commit");
        // librdkafka takes no limit here, and has its own: the session's for a coordinator to turn
        // up, then that of a request.
        let committed = consumer.commit(offsets, CommitMode::Sync);
        committed.map_err(Error::of_offset_commit)?;
        fail_point!("after-commit");
        Ok(())
    }

    /// Aborts the transaction, so that the next may begin.
    pub(crate) fn abort(&self) -> Result<(), Error> {
        fail_point!("before-abort");
        let producer = self.outbox.producer();
        let aborted = match &self.consumer {
            None => self.retried("abort", |timeout| producer.abort_transaction(timeout)),
            Some(_) if self.outbox.is_settled() => Ok(()),
            // Reports that come later would be taken for those of the next try.
            Some(_) => Err(Error::undelivered()),
        };
        fail_point!("after-abort");
        aborted.map_err(Error::unabortable)
    }

    /// After an abort: finds the records that a broker has refused; whether there were any.
    pub(crate) fn blame(&self, outcomes: &mut [Outcome]) -> Result<bool, Error> {
        self.outbox.blame(outcomes)
    }

    /// After an abort: the error of a resent record that a broker will never take.
    pub(crate) fn refusal(&self, error: &Error) -> Option<KafkaError> {
        self.outbox.refusal(error)
    }

    /// Calls until it succeeds, fails for good, or the time for it is over.
    fn retried(
        &self,
        step: &'static str,
        call: impl Fn(Duration) -> KafkaResult<()>,
    ) -> Result<(), Error> {
        let (start, deadline) = (Instant::now(), self.deadline());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let called = call(left);
            if start.elapsed() >= self.config.kafka.request_timeout() {
                self.late.set(Some(step));
            }
            let Err(cause) = called else {
                return Ok(());
            };
            let cause = Error::in_transaction(step, cause)?;
            if Instant::now() >= deadline {
                return Err(Error::Broken { step, cause });
            }
            debug!(step, error = %cause, "called again");
            thread::park_timeout(PAUSE);
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.config.kafka.commit_timeout()
    }
}

/// Where reading goes on, by partition: after the last record.
fn next_offsets(outcomes: &[Outcome]) -> HashMap<i32, i64> {
    let mut next = HashMap::new();
    for Outcome { record, .. } in outcomes {
        let kafka_offset = next.entry(record.partition).or_insert(0);
        *kafka_offset = record.kafka_offset.max(*kafka_offset - 1) + 1;
    }
    next
}

fn offset_list(topic: &str, next: &HashMap<i32, i64>) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::with_capacity(next.len());
    for (&partition, &kafka_offset) in next {
        let added = list.add_partition_offset(topic, partition, Offset::Offset(kafka_offset));
        added.map_err(|cause| Error::Broken {
            step: "list offsets",
            cause,
        })?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Properties;
    use crate::dead_letter::Reject;
    use crate::record::Record;

    #[test]
    fn call_that_may_come_twice_is_the_last_of_its_producer() {
        let mut config = Config::sample();
        config.kafka.librdkafka = Properties::default();
        config.kafka.request_timeout_ms = 10;
        let limit = config.kafka.request_timeout();
        let transactions = Transactions::new(&config, None, None).unwrap();
        let wait = |_| {
            let start = Instant::now();
            while start.elapsed() < limit {
                thread::yield_now();
            }
            Ok(())
        };

        transactions.retried("commit", wait).unwrap();

        let begun = transactions.begin();
        assert!(matches!(begun, Err(Error::Late { step: "commit" })));
    }

    #[test]
    fn reading_goes_on_after_the_last_record_of_each_partition() {
        let outcome = |(partition, kafka_offset)| {
            let record = Record {
                partition,
                kafka_offset,
                ..Record::sample(b"")
            };
            Outcome::new(record, Err(Reject::new("test", "test", "")))
        };
        let outcomes: Vec<_> = [(0, 7), (1, 0), (0, 9), (0, 8)].map(outcome).into();

        let next = next_offsets(&outcomes);

        assert_eq!(next, HashMap::from([(0, 10), (1, 1)]));
    }
}
