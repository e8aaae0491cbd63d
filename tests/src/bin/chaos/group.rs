//! How far the group is, in the broker's own words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use copydesk_tests::Topic;
use copydesk_worker::Shutdown;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;

use crate::history::History;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks of a watch.
const LOOK: Duration = Duration::from_millis(200);

/// Offsets by partition.
pub(crate) type Offsets = BTreeMap<i32, i64>;

/// Asks about a group, without being a member.
pub(crate) struct Group {
    consumer: BaseConsumer,
    partitions: i32,
}

impl Group {
    pub(crate) fn new(bootstrap: &str, group: &str, isolation: &str, partitions: i32) -> Self {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", bootstrap);
        client.set("group.id", group);
        client.set("isolation.level", isolation);
        let consumer = client.create().expect("the settings are librdkafka's");
        Self {
            consumer,
            partitions,
        }
    }

    /// Offsets that the group has committed; with `read_committed`, once none is in a transaction
    /// that is open.
    pub(crate) fn committed(&self, topic: &Topic) -> KafkaResult<Offsets> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&topic.name, 0, self.partitions - 1);
        let list = self.consumer.committed_offsets(list, TIMEOUT)?;
        let mut offsets = Offsets::new();
        for element in list.elements() {
            element.error()?;
            let kafka_offset = match element.offset() {
                Offset::Offset(kafka_offset) => kafka_offset,
                _ => 0,
            };
            offsets.insert(element.partition(), kafka_offset);
        }
        Ok(offsets)
    }

    /// Ends of the partitions: with `read_committed`, up to the first record of a transaction that
    /// is open.
    pub(crate) fn ends(&self, topic: &Topic) -> KafkaResult<Offsets> {
        let end = |partition| {
            let (_, end) = self
                .consumer
                .fetch_watermarks(&topic.name, partition, TIMEOUT)?;
            Ok((partition, end))
        };
        (0..self.partitions).map(end).collect()
    }
}

/// Looks again and again at what a group has committed.
pub(crate) struct Watch {
    stop: Shutdown,
    thread: JoinHandle<Vec<Offsets>>,
}

impl Watch {
    pub(crate) fn start(group: Group, topic: Topic, history: Arc<History>) -> Self {
        let stop = Shutdown::new();
        let theirs = stop.clone();
        let watch = move || {
            let mut seen: Vec<Offsets> = Vec::new();
            while !theirs.wait_timeout(LOOK) {
                // An error says nothing of the group: the broker is down.
                if let Ok(committed) = group.committed(&topic)
                    && seen.last() != Some(&committed)
                {
                    history.note("committed", json!(committed));
                    seen.push(committed);
                }
            }
            seen
        };
        let thread = thread::spawn(watch);
        Self { stop, thread }
    }

    /// Stops; what was seen, one time after another.
    pub(crate) fn stop(self) -> Vec<Offsets> {
        self.stop.request();
        self.thread.join().expect("a watch does not panic")
    }
}
