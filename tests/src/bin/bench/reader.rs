//! Who waits for finished articles, as readers do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use copydesk_tests::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message};

use crate::post::PARTITIONS;

const POLL: Duration = Duration::from_millis(100);

/// Reads a topic with `read_committed`, and notes when each article was first seen.
pub(crate) struct Reader {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// By the number that is the record's key.
    times: Mutex<Vec<Option<Instant>>>,
    stop: AtomicBool,
}

impl Reader {
    /// Reads from the beginning.
    pub(crate) fn start(bootstrap: &str, topic: &Topic) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", "unused")
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&topic.name, partition, Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let thread = thread::spawn(move || shared.read(&consumer));
        Ok(Self {
            seen,
            thread: Some(thread),
        })
    }

    /// When the articles of these numbers were first seen; `None` until all were.
    pub(crate) fn times(&self, numbers: std::ops::Range<usize>) -> Option<Vec<Instant>> {
        let times = self.seen.lock();
        times.get(numbers)?.iter().copied().collect()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Seen {
    fn read(&self, consumer: &BaseConsumer) {
        while !self.stop.load(Ordering::Relaxed) {
            match consumer.poll(POLL) {
                Some(Ok(message)) => self.note(message.key()),
                Some(Err(error)) => eprintln!("bench: cannot read: {error}"),
                None => {}
            }
        }
    }

    fn note(&self, key: Option<&[u8]>) {
        let now = Instant::now();
        let key = key.and_then(|key| std::str::from_utf8(key).ok());
        let Some(number) = key.and_then(|key| key.parse::<usize>().ok()) else {
            return;
        };
        let mut times = self.lock();
        if times.len() <= number {
            times.resize(number + 1, None);
        }
        times[number].get_or_insert(now);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Instant>>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
