//! How far each partition has been read, so that no record is read twice.
//!
//! librdkafka begins a partition at its committed offset, and by `auto.offset.reset` at the start of
//! its log where there is none. It takes a partition for one without an offset in other cases, too:
//!
//! - It asks for the offset while a transaction with a new one is open, and the partitions are
//!   assigned anew before the answer. The answer, that the offset is not stable, is then kept as the
//!   offset `INVALID` (`rd_kafka_assignment_apply_offsets`, up to 2.12 at least).
//! - A broker that comes back from a crash does not know the leader epoch of the position any more.
//! - The broker's log is shorter than it was: records are lost that had been read.
//!
//! To begin there again would do the whole partition twice. So the first record of an assignment is
//! compared with the committed offset, and each one after it with the one before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use tracing::warn;

use crate::error::{Error, is_group_moving};
use crate::record::Record;

/// Between two questions to a group that moves.
const PAUSE: Duration = Duration::from_millis(100);

/// The next offset of each partition of a topic.
pub(crate) struct Positions {
    topic: Arc<str>,
    /// Limit on one question to the broker.
    timeout: Duration,
    of: HashMap<i32, Position>,
}

struct Position {
    epoch: u64,
    next: i64,
}

impl Positions {
    /// Knows of no partition yet.
    pub(crate) fn new(topic: Arc<str>, timeout: Duration) -> Self {
        Self {
            topic,
            timeout,
            of: HashMap::new(),
        }
    }

    /// Whether a record that was read is new. If it is not, its partition goes on from where it was.
    pub(crate) fn admit<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        record: &Record,
    ) -> Result<bool, Error> {
        let next = match self.next(record) {
            Some(next) => next,
            None => committed(consumer, &self.topic, [record.partition], self.timeout)
                .map_err(broken("ask for the committed offset"))?
                .remove(&record.partition)
                .unwrap_or(0),
        };
        let is_new = record.kafka_offset >= next;
        let next = match is_new {
            true => record.kafka_offset + 1,
            false => self
                .go_on(consumer, record, next)
                .map_err(broken("seek what is new"))?,
        };
        self.set(record, next);
        Ok(is_new)
    }

    /// The offset before which all is read; `None` at the first record of an assignment.
    fn next(&self, record: &Record) -> Option<i64> {
        let position = self.of.get(&record.partition)?;
        (position.epoch == record.epoch).then_some(position.next)
    }

    fn set(&mut self, record: &Record, next: i64) {
        let epoch = record.epoch;
        self.of.insert(record.partition, Position { epoch, next });
    }

    /// Has a partition go on from `next`, or from the end of its log where the broker has lost what
    /// was there: what comes in the place of that is new.
    fn go_on<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        done: &Record,
        next: i64,
    ) -> Result<i64, KafkaError> {
        let (topic, partition, offset) = (&*self.topic, done.partition, done.kafka_offset);
        let (_, end) = consumer.fetch_watermarks(topic, partition, self.timeout)?;
        let next = next.min(end);
        warn!(
            topic,
            partition, offset, next, "what is done was read again, going on"
        );
        consumer.seek(topic, partition, Offset::Offset(next), self.timeout)?;
        Ok(next)
    }
}

/// The offsets that are committed, by partition; one without is not there. It waits for the end of a
/// transaction that may change them, and asks again while the group is on its way from one broker to
/// another, or is read by its first: librdkafka hands that on.
pub(crate) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: impl IntoIterator<Item = i32>,
    timeout: Duration,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, partition);
    }
    let deadline = Instant::now() + timeout;
    loop {
        match ask(consumer, &asked, timeout) {
            Err(error) if is_group_moving(&error) && Instant::now() < deadline => {
                thread::park_timeout(PAUSE);
            }
            answer => return answer,
        }
    }
}

fn ask<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    asked: &TopicPartitionList,
    timeout: Duration,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let mut offsets = BTreeMap::new();
    for element in consumer
        .committed_offsets(asked.clone(), timeout)?
        .elements()
    {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            offsets.insert(element.partition(), offset);
        }
    }
    Ok(offsets)
}

fn broken(step: &'static str) -> impl Fn(KafkaError) -> Error {
    move |cause| Error::Broken { step, cause }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;

    /// A real broker says this of itself only by chance, while it reads the group's offsets.
    #[test]
    fn group_that_moves_is_asked_again() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("articles.dlq", 1, 1).unwrap();
        let moving = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR; 2];
        cluster.request_errors(RDKafkaApiKey::OffsetFetch, &moving);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "copydesk.replay")
            .create()
            .unwrap();

        let offsets = committed(&consumer, "articles.dlq", [0], Duration::from_secs(20));

        assert_eq!(offsets, Ok(BTreeMap::new()));
    }

    #[test]
    fn position_is_that_of_one_assignment() {
        let mut positions = Positions::new("articles.raw".into(), Duration::ZERO);
        let first = Record::sample(b"");
        let later = Record {
            epoch: first.epoch + 1,
            ..first.clone()
        };

        positions.set(&first, 7);

        assert_eq!(positions.next(&first), Some(7));
        assert_eq!(positions.next(&later), None);
    }
}
