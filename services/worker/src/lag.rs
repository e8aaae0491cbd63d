//! How far this worker is behind the end of its partitions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::IntGaugeVec;
use rdkafka::statistics::Statistics;

/// Lag by partition: the end as librdkafka's statistics have it, less what this worker committed.
///
/// librdkafka's own lag does not serve here: its consumer knows of no commit, which is the
/// producer's.
#[derive(Clone)]
pub(crate) struct Lag {
    topic: Arc<str>,
    gauge: IntGaugeVec,
    /// By partition, the offset behind the last record that was committed.
    committed: Arc<Mutex<HashMap<i32, i64>>>,
    /// The same of the last record that was read.
    read: Arc<Mutex<HashMap<i32, i64>>>,
}

impl Lag {
    pub(crate) fn new(topic: Arc<str>, gauge: IntGaugeVec) -> Self {
        Self {
            topic,
            gauge,
            committed: Arc::default(),
            read: Arc::default(),
        }
    }

    /// Notes that a record was read.
    pub(crate) fn read(&self, partition: i32, kafka_offset: i64) {
        lock(&self.read).insert(partition, kafka_offset + 1);
    }

    /// The committed offset of a partition, as far as this worker knows it.
    pub(crate) fn committed(&self, partition: i32) -> Option<i64> {
        lock(&self.committed).get(&partition).copied()
    }

    /// Notes committed offsets.
    pub(crate) fn commit(&self, kafka_offsets: &HashMap<i32, i64>) {
        lock(&self.committed).extend(kafka_offsets);
    }

    /// Takes the ends of the partitions from `statistics`; the lag of all of them together.
    pub(crate) fn observe(&self, statistics: &Statistics, is_ours: impl Fn(i32) -> bool) -> i64 {
        let mut sum = 0;
        let Some(topic) = statistics.topics.get(&*self.topic) else {
            return sum;
        };
        let (committed, read) = (lock(&self.committed), lock(&self.read));
        for partition in topic
            .partitions
            .values()
            .filter(|partition| is_ours(partition.partition))
        {
            // Before the first commit: where reading began.
            let from = committed.get(&partition.partition).copied();
            let from = from.unwrap_or(partition.committed_offset.max(partition.lo_offset));
            // Negative values stand for "not known yet".
            if partition.ls_offset >= 0 && from >= 0 {
                // Behind the last record there may be a transaction's marker, which librdkafka
                // passes over, and nobody commits.
                let is_at_end = partition.app_offset >= partition.ls_offset;
                let is_all_committed = read
                    .get(&partition.partition)
                    .is_none_or(|&next| next <= from);
                let lag = match is_at_end && is_all_committed {
                    true => 0,
                    false => (partition.ls_offset - from).max(0),
                };
                sum += lag;
                self.of(partition.partition, |gauge, labels| {
                    gauge.with_label_values(labels).set(lag);
                });
            }
        }
        sum
    }

    /// Forgets partitions that are no longer this worker's.
    pub(crate) fn forget(&self, partitions: &[i32]) {
        let (mut committed, mut read) = (lock(&self.committed), lock(&self.read));
        for &partition in partitions {
            committed.remove(&partition);
            read.remove(&partition);
            self.of(partition, |gauge, labels| {
                // There is none for a partition that was never measured.
                gauge.remove_label_values(labels).ok();
            });
        }
    }

    fn of(&self, partition: i32, then: impl FnOnce(&IntGaugeVec, &[&str])) {
        then(&self.gauge, &[&self.topic, &partition.to_string()]);
    }
}

fn lock(offsets: &Mutex<HashMap<i32, i64>>) -> MutexGuard<'_, HashMap<i32, i64>> {
    offsets.lock().unwrap_or_else(PoisonError::into_inner)
}
