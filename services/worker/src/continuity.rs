//! Whether the partitions that stay with this worker have been its own all the time.
//!
//! A member that its group has dropped is told so, and gives its partitions up, but for one case:
//! librdkafka (2.12) answers UNKNOWN_MEMBER_ID to a JoinGroup by joining under a new member id. Of
//! a dynamic member the broker then wants a second JoinGroup, at which librdkafka gives the
//! partitions up. A static one is let in at once; with cooperative assignment it keeps what it is
//! given again without a word, and reads on from where it was, though another worker may have had
//! the partition in between, and the proof (see `ownership`) is valid.
//!
//! The committed offsets tell: they are no longer those that this worker has left.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::warn;

use crate::config::{Config, Delivery};
use crate::lag::Lag;
use crate::source::Context;

/// The committed offsets of partitions, as this worker knows them and as the broker does.
pub(crate) struct Continuity {
    is_needed: bool,
    topic: String,
    timeout: Duration,
    lag: Lag,
}

impl Continuity {
    pub(crate) fn new(config: &Config, lag: Lag) -> Self {
        let kafka = &config.kafka;
        // Otherwise either nothing is kept through a rebalance, or to do it again is allowed.
        let is_needed = kafka.delivery == Delivery::ExactlyOnce
            && !kafka.group_instance_id.is_empty()
            && kafka.assignment == "cooperative-sticky";
        Self {
            is_needed,
            topic: config.topics.input.clone(),
            timeout: kafka.request_timeout(),
            lag,
        }
    }

    pub(crate) fn is_needed(&self) -> bool {
        self.is_needed
    }

    /// Whether the `kept` partitions are as this worker has left them, and notes how the `new` ones
    /// begin. Called when this worker's last transaction has ended, and a proof is taken for the
    /// next: what is committed now stays so, unless by this worker.
    pub(crate) fn holds(
        &self,
        consumer: &BaseConsumer<Context>,
        kept: &[i32],
        new: &[i32],
    ) -> bool {
        let committed = match self.committed(consumer, &[kept, new].concat()) {
            Ok(committed) => committed,
            Err(error) => {
                warn!(%error, "cannot fetch committed offsets");
                return kept.is_empty();
            }
        };
        let is_as_left =
            |partition: &i32| committed.get(partition).copied() == self.lag.committed(*partition);
        let holds = kept.iter().all(is_as_left);
        let is_new = |(partition, _): &(i32, i64)| new.contains(partition);
        self.lag
            .commit(&committed.into_iter().filter(is_new).collect());
        holds
    }

    fn committed(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: &[i32],
    ) -> KafkaResult<HashMap<i32, i64>> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            list.add_partition(&self.topic, partition);
        }
        let list = consumer.committed_offsets(list, self.timeout)?;
        let mut committed = HashMap::new();
        for element in list.elements() {
            element.error()?;
            if let Offset::Offset(kafka_offset) = element.offset() {
                committed.insert(element.partition(), kafka_offset);
            }
        }
        Ok(committed)
    }
}
