//! The dead letters as they are at one moment, from first to last, as often as is asked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::debug;

use crate::clients;
use crate::config::Config;
use crate::error::{Error, PollError};
use crate::positions;
use crate::record::Record;
use crate::refusal::LastRefusal;

/// How often a wait looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// Reads what was committed to a topic, up to the end that it had when this was opened.
pub(super) struct Reader {
    consumer: BaseConsumer<Quiet>,
    config: Config,
    topic: Arc<str>,
    /// Where each partition begins for the group, and its end at the start.
    extents: BTreeMap<i32, Range<i64>>,
    /// Partitions that are not read to their end, in this pass.
    open: BTreeMap<i32, i64>,
}

impl Reader {
    /// Makes a consumer that does not read yet.
    pub(super) fn new(config: &Config, topic: &str) -> Result<Self, Error> {
        let consumer: BaseConsumer<_> = clients::consumer(config)
            .set("enable.partition.eof", "true")
            .create_with_context(Quiet::default())
            .map_err(Error::of_client)?;
        Ok(Self {
            consumer,
            config: config.clone(),
            topic: topic.into(),
            extents: BTreeMap::new(),
            open: BTreeMap::new(),
        })
    }

    /// Finds begin and end of each partition, and waits until no transaction is open between them.
    pub(super) fn survey(&mut self) -> Result<(), Error> {
        let partitions = self.partitions(&self.topic)?;
        self.extents = self.measure(partitions)?;
        self.await_stable()
    }

    /// How many partitions a topic has.
    pub(super) fn partitions(&self, topic: &str) -> Result<usize, Error> {
        let metadata = self.consumer.fetch_metadata(Some(topic), self.timeout());
        let metadata = metadata.map_err(|cause| {
            let refusal = self.consumer.context().0.ask(&self.consumer);
            Error::unreachable(&self.config.kafka.brokers, cause, refusal)
        })?;
        let described = metadata.topics().iter().find(|other| other.name() == topic);
        match described.and_then(|described| described.error()) {
            Some(error) => Err(Error::of_topic(topic, error.into())),
            None => Ok(described.map_or(0, |described| described.partitions().len())),
        }
    }

    /// Begins again with the first dead letter.
    pub(super) fn rewind(&mut self) -> Result<(), Error> {
        let is_empty = |extent: &Range<i64>| extent.start >= extent.end;
        let filled = self.extents.iter().filter(|(_, extent)| !is_empty(extent));
        self.open = filled
            .map(|(&partition, extent)| (partition, extent.end))
            .collect();
        let mut list = TopicPartitionList::with_capacity(self.open.len());
        for &partition in self.open.keys() {
            let start = Offset::Offset(self.extents[&partition].start);
            list.add_partition_offset(&self.topic, partition, start)
                .map_err(|cause| broken("list offsets", cause))?;
        }
        let assigned = self.consumer.assign(&list);
        assigned.map_err(|cause| broken("take the partitions", cause))
    }

    /// The next record; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Error> {
        let mut deadline = Instant::now() + self.patience();
        while !self.open.is_empty() {
            match self.consumer.poll(TICK) {
                None if Instant::now() < deadline => {}
                None => return Err(broken("read the dead letters in time", timed_out())),
                Some(Ok(message)) => {
                    let partition = message.partition();
                    if let Some(record) = read(&message, &self.topic, &self.open) {
                        return Ok(Some(record));
                    }
                    self.open.remove(&partition);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.open.remove(&partition);
                    deadline = Instant::now() + self.patience();
                }
                Some(Err(error)) => self.weigh(error)?,
            }
        }
        Ok(None)
    }

    /// Where each partition begins for the group: offsets below are done with.
    pub(super) fn starts(&self) -> impl Iterator<Item = (i32, i64)> {
        self.extents
            .iter()
            .map(|(&partition, extent)| (partition, extent.start))
    }

    /// What a transaction needs to commit offsets: of a consumer that is no member, so that the
    /// broker refuses them while the group has members.
    pub(super) fn proof(&self) -> Result<ConsumerGroupMetadata, Error> {
        let proof = self.consumer.group_metadata();
        proof.ok_or_else(|| broken("name the group", timed_out()))
    }

    fn measure(&self, partitions: usize) -> Result<BTreeMap<i32, Range<i64>>, Error> {
        // The end of all that was written, while the reader itself knows of what is committed.
        let all: BaseConsumer<_> = clients::consumer(&self.config)
            .set("isolation.level", "read_uncommitted")
            .create_with_context(Quiet::default())
            .map_err(Error::of_client)?;
        let partitions = 0..i32::try_from(partitions).unwrap_or(i32::MAX);
        let committed = self.committed(partitions.clone())?;
        let mut extents = BTreeMap::new();
        for partition in partitions {
            let (first, end) = self.watermarks(&all, partition)?;
            // A committed offset that is gone was of a topic that has been created anew.
            let start = committed.get(&partition).copied();
            let start = start
                .filter(|start| (first..=end).contains(start))
                .unwrap_or(first);
            extents.insert(partition, start..end);
        }
        Ok(extents)
    }

    fn committed(&self, partitions: Range<i32>) -> Result<BTreeMap<i32, i64>, Error> {
        positions::committed(&self.consumer, &self.topic, partitions, self.timeout())
            .map_err(|cause| broken("read the committed offsets", cause))
    }

    /// An earlier replay's marks may lie behind a transaction of another producer that is open
    /// still, and be hidden by it: reading without them would send its letters once more.
    fn await_stable(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.patience();
        for (&partition, extent) in &self.extents {
            while self.watermarks(&self.consumer, partition)?.1 < extent.end {
                if Instant::now() >= deadline {
                    let step = "read the dead letters: a transaction stays open among them";
                    return Err(broken(step, timed_out()));
                }
                thread::park_timeout(TICK);
            }
        }
        Ok(())
    }

    fn watermarks(
        &self,
        consumer: &BaseConsumer<Quiet>,
        partition: i32,
    ) -> Result<(i64, i64), Error> {
        let watermarks = consumer.fetch_watermarks(&self.topic, partition, self.timeout());
        watermarks.map_err(|cause| broken("find the ends of the partitions", cause))
    }

    fn weigh(&self, error: KafkaError) -> Result<(), Error> {
        match PollError::new(error, &self.consumer) {
            // librdkafka goes on trying, and `next` has a limit.
            PollError::Passing(error)
            | PollError::Unreachable(error)
            | PollError::Inconsistent(error) => {
                debug!(%error, "poll");
                Ok(())
            }
            PollError::Broken(cause) | PollError::Replaced(cause) => {
                Err(broken("read the dead letters", cause))
            }
        }
    }

    fn timeout(&self) -> Duration {
        self.config.kafka.request_timeout()
    }

    /// The brokers end a transaction that is open for longer than its limit, which is ours if the
    /// workers have the same settings.
    fn patience(&self) -> Duration {
        self.config.kafka.transaction_timeout() + self.timeout()
    }
}

fn read(
    message: &BorrowedMessage<'_>,
    topic: &Arc<str>,
    open: &BTreeMap<i32, i64>,
) -> Option<Record> {
    let end = *open.get(&message.partition())?;
    (message.offset() < end).then(|| Record::read(message, topic, 0))
}

fn broken(step: &'static str, cause: KafkaError) -> Error {
    Error::Broken { step, cause }
}

fn timed_out() -> KafkaError {
    KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)
}

/// Sends what librdkafka has to say to the log.
#[derive(Default)]
struct Quiet(LastRefusal);

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note(&error, reason);
    }
}

impl ConsumerContext for Quiet {}
