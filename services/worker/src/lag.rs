//! How far this worker is behind the end of its partitions, in records and in seconds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{GaugeVec, IntGaugeVec};
use rdkafka::statistics::Statistics;

use crate::Metrics;
use crate::record::{Record, now_ms};

/// Lag by partition: the end as librdkafka's statistics have it, less what this worker committed.
///
/// librdkafka's own lag does not serve here: its consumer knows of no commit, which is the
/// producer's.
#[derive(Clone)]
pub(crate) struct Lag {
    topic: Arc<str>,
    records: IntGaugeVec,
    seconds: GaugeVec,
    partitions: Arc<Mutex<HashMap<i32, Progress>>>,
}

/// How far a partition is read and done.
#[derive(Default)]
struct Progress {
    /// The offset behind the last record that was committed.
    committed: Option<i64>,
    /// The same of the last record that was read.
    read: Option<i64>,
    /// Offsets and times of the records that are read and not committed.
    open: VecDeque<(i64, i64)>,
    /// When a record was first seen to wait that nobody has read.
    unread_since_ms: Option<i64>,
}

impl Progress {
    fn commit(&mut self, next: i64) {
        self.committed = Some(next);
        while self.open.front().is_some_and(|&(offset, _)| offset < next) {
            self.open.pop_front();
        }
    }

    /// Since when the next record waits. Of one that is not read, not even its time is known.
    fn waiting_since(&mut self, lag: i64, now_ms: i64) -> Option<i64> {
        let read = self.open.front().map(|&(_, timestamp_ms)| timestamp_ms);
        let is_unread = lag > 0 && read.is_none();
        self.unread_since_ms = is_unread.then(|| self.unread_since_ms.unwrap_or(now_ms));
        match lag {
            0 => None,
            _ => read.or(self.unread_since_ms),
        }
    }
}

impl Lag {
    pub(crate) fn new(topic: Arc<str>, metrics: &Metrics) -> Self {
        Self {
            topic,
            records: metrics.lag_records.clone(),
            seconds: metrics.lag_seconds.clone(),
            partitions: Arc::default(),
        }
    }

    /// Notes that a record was read.
    pub(crate) fn read(&self, record: &Record) {
        let mut partitions = self.lock();
        let progress = partitions.entry(record.partition).or_default();
        progress.read = Some(record.kafka_offset + 1);
        // A record without a time has waited since it was read, as far as can be known.
        let timestamp_ms = record.timestamp_ms.unwrap_or_else(now_ms);
        progress.open.push_back((record.kafka_offset, timestamp_ms));
    }

    /// Notes committed offsets; of a partition that went meanwhile nothing is known any more.
    pub(crate) fn commit(&self, kafka_offsets: &HashMap<i32, i64>) {
        let mut partitions = self.lock();
        for (partition, &next) in kafka_offsets {
            if let Some(progress) = partitions.get_mut(partition) {
                progress.commit(next);
            }
        }
    }

    /// Takes the ends of the partitions from `statistics`; the lag of all of them together, unless
    /// one is not known yet.
    pub(crate) fn observe(
        &self,
        statistics: &Statistics,
        is_ours: impl Fn(i32) -> bool,
    ) -> Option<i64> {
        let mut sum = Some(0);
        let topic = statistics.topics.get(&*self.topic)?;
        let (mut partitions, now_ms) = (self.lock(), now_ms());
        for partition in topic
            .partitions
            .values()
            .filter(|partition| is_ours(partition.partition))
        {
            let progress = partitions.entry(partition.partition).or_default();
            // Before the first commit: where reading began.
            let from = progress.committed;
            let from = from.unwrap_or(partition.committed_offset.max(partition.lo_offset));
            // Negative values stand for "not known yet".
            if partition.ls_offset < 0 || from < 0 {
                sum = None;
            } else {
                // Behind the last record there may be a transaction's marker, which librdkafka
                // passes over, and nobody commits.
                let is_at_end = partition.app_offset >= partition.ls_offset;
                let is_all_committed = progress.read.is_none_or(|next| next <= from);
                let lag = match is_at_end && is_all_committed {
                    true => 0,
                    false => (partition.ls_offset - from).max(0),
                };
                sum = sum.map(|sum| sum + lag);
                let since_ms = progress.waiting_since(lag, now_ms);
                self.show(
                    partition.partition,
                    lag,
                    since_ms.map(|since| now_ms.saturating_sub(since)),
                );
            }
        }
        sum
    }

    fn show(&self, partition: i32, records: i64, waited_ms: Option<i64>) {
        let labels = [&*self.topic, &partition.to_string()];
        self.records.with_label_values(&labels).set(records);
        // Clocks differ: a record may come from the future.
        let waited_ms = waited_ms.unwrap_or(0).max(0);
        let seconds = waited_ms as f64 / 1e3;
        self.seconds.with_label_values(&labels).set(seconds);
    }

    /// Forgets partitions that are no longer this worker's.
    pub(crate) fn forget(&self, gone: &[i32]) {
        let mut partitions = self.lock();
        for partition in gone {
            partitions.remove(partition);
            let labels = [&*self.topic, &partition.to_string()];
            // There is none for a partition that was never measured.
            self.records.remove_label_values(&labels).ok();
            self.seconds.remove_label_values(&labels).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Progress>> {
        let partitions = self.partitions.lock();
        partitions.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::{Partition, Topic};

    use super::*;

    const PARTITION: i32 = 3;

    /// Statistics of `articles.raw/3` with records 42 to 43, as far as it is handed out.
    fn statistics(app_offset: i64) -> Statistics {
        let partition = Partition {
            partition: PARTITION,
            committed_offset: 42,
            ls_offset: 44,
            app_offset,
            ..Partition::default()
        };
        let topic = Topic {
            partitions: HashMap::from([(PARTITION, partition)]),
            ..Topic::default()
        };
        Statistics {
            topics: HashMap::from([("articles.raw".to_owned(), topic)]),
            ..Statistics::default()
        }
    }

    fn record(kafka_offset: i64, age_ms: i64) -> Record {
        Record {
            kafka_offset,
            timestamp_ms: Some(now_ms() - age_ms),
            ..Record::sample(b"")
        }
    }

    /// Records and seconds of lag, as shown.
    fn observe(lag: &Lag, app_offset: i64) -> (i64, f64) {
        lag.observe(&statistics(app_offset), |_| true);
        let labels = ["articles.raw", "3"];
        let seconds = lag.seconds.with_label_values(&labels).get();
        (lag.records.with_label_values(&labels).get(), seconds)
    }

    #[test]
    fn lag_in_seconds_is_the_wait_of_the_next_record() {
        let lag = Lag::new("articles.raw".into(), &Metrics::new("test"));

        lag.read(&record(42, 90_000));
        lag.read(&record(43, 30_000));
        let (before, before_seconds) = observe(&lag, 44);
        lag.commit(&HashMap::from([(PARTITION, 43)]));
        let (after, after_seconds) = observe(&lag, 44);
        lag.commit(&HashMap::from([(PARTITION, 44)]));

        assert_eq!((before, after), (2, 1));
        assert!(before_seconds >= 90.0, "{before_seconds}");
        assert!((30.0..90.0).contains(&after_seconds), "{after_seconds}");
        assert_eq!(observe(&lag, 44), (0, 0.0));
    }

    #[test]
    fn record_that_nobody_reads_waits_since_it_was_seen() {
        let mut progress = Progress::default();

        let first = progress.waiting_since(1, 1_000);
        let second = progress.waiting_since(1, 5_000);
        let done = progress.waiting_since(0, 6_000);
        let next = progress.waiting_since(1, 7_000);

        assert_eq!((first, second), (Some(1_000), Some(1_000)));
        assert_eq!((done, next), (None, Some(7_000)));
    }

    #[test]
    fn partition_that_came_back_has_nothing_of_the_commit_that_it_went_before() {
        let lag = Lag::new("articles.raw".into(), &Metrics::new("test"));
        lag.read(&record(42, 0));

        lag.forget(&[PARTITION]);
        lag.commit(&HashMap::from([(PARTITION, 1)]));

        let (records, _) = observe(&lag, 42);
        assert_eq!(records, 2, "from the committed offset, 42, to the end, 44");
    }

    #[test]
    fn partition_that_goes_takes_its_lag_along() {
        let metrics = Metrics::new("test");
        let lag = Lag::new("articles.raw".into(), &metrics);
        observe(&lag, 42);

        lag.forget(&[PARTITION]);

        let families = metrics.registry().gather();
        let is_lag = |name: &str| name.starts_with("copydesk_lag_");
        assert!(!families.iter().any(|family| is_lag(family.name())));
    }
}
