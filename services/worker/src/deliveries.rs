//! What the broker says of each record that was sent.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;
use tracing::debug;

use crate::metrics::Queue;

/// Delivery reports, from the producer's own thread.
#[derive(Default)]
pub(crate) struct Deliveries {
    reports: Mutex<Reports>,
    news: Condvar,
    queue: Option<Queue>,
}

/// What is known of the records of a batch, each by its index there.
#[derive(Default)]
pub(crate) struct Reports {
    /// How many were sent and not yet reported.
    pub(crate) pending: usize,
    pub(crate) delivered: Vec<usize>,
    pub(crate) failed: Vec<(usize, KafkaError)>,
}

impl Deliveries {
    /// None so far, of a producer whose queue is shown there, if anywhere.
    pub(crate) fn new(queue: Option<Queue>) -> Self {
        Self {
            queue,
            ..Self::default()
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `deadline` for reports to be as they are wanted.
    pub(crate) fn wait_until(
        &self,
        deadline: Instant,
        wanted: impl Fn(&Reports) -> bool,
    ) -> MutexGuard<'_, Reports> {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .news
            .wait_timeout_while(self.lock(), left, |reports| !wanted(reports));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl ProducerContext for Deliveries {
    /// Index of the record in its batch.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, i: usize) {
        let mut reports = self.lock();
        reports.pending = reports.pending.saturating_sub(1);
        match result {
            Ok(_) => reports.delivered.push(i),
            Err((error, _)) => reports.failed.push((i, error.clone())),
        }
        self.news.notify_all();
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "producer");
    }

    fn stats(&self, statistics: Statistics) {
        if let Some(queue) = &self.queue {
            queue.show((statistics.msg_cnt, statistics.msg_size));
        }
    }
}
