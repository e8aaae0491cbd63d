//! How far the group is, in the broker's own words.

use std::collections::BTreeMap;
use std::time::Duration;

use copydesk_tests::Topic;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const TIMEOUT: Duration = Duration::from_secs(10);

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

    /// Offsets that the group has committed, by partition.
    pub(crate) fn committed(&self, topic: &Topic) -> KafkaResult<BTreeMap<i32, i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&topic.name, 0, self.partitions - 1);
        let list = self.consumer.committed_offsets(list, TIMEOUT)?;
        let offset =
            |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element
                .offset()
            {
                Offset::Offset(kafka_offset) => kafka_offset,
                _ => 0,
            };
        let elements = list.elements();
        let offsets = elements
            .iter()
            .map(|element| (element.partition(), offset(element)));
        Ok(offsets.collect())
    }

    /// Ends of the partitions, by partition: with `read_committed`, up to the first record of a
    /// transaction that is open.
    pub(crate) fn ends(&self, topic: &Topic) -> KafkaResult<BTreeMap<i32, i64>> {
        let end = |partition| {
            let (_, end) = self
                .consumer
                .fetch_watermarks(&topic.name, partition, TIMEOUT)?;
            Ok((partition, end))
        };
        (0..self.partitions).map(end).collect()
    }
}
