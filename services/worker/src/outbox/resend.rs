//! Records that go as they are to a topic that each says itself.

use std::sync::Arc;
use std::time::Instant;

use rdkafka::error::KafkaError;
use rdkafka::producer::BaseRecord;

use super::{Outbox, owned};
use crate::deliveries::Reports;
use crate::error::{Error, Refusal};
use crate::record::Header;

/// A record on its way.
#[derive(Clone, Debug)]
pub(crate) struct Resent {
    pub(crate) topic: Arc<str>,
    /// `None` leaves it to the key.
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Header>,
}

impl Outbox {
    /// Produces all records; returns once they are delivered.
    pub(crate) fn resend(&self, records: &[Resent], deadline: Instant) -> Result<(), Error> {
        *self.deliveries().lock() = Reports::default();
        for (i, record) in records.iter().enumerate() {
            let send = BaseRecord {
                topic: &record.topic,
                partition: record.partition,
                payload: record.value.as_deref(),
                key: record.key.as_deref(),
                timestamp: record.timestamp_ms,
                headers: Some(owned(&record.headers)),
                delivery_opaque: i,
            };
            let step = "produce";
            self.enqueue(send, deadline)
                .map_err(|cause| Error::Abort { step, cause })?;
        }
        self.delivered(deadline)
    }

    /// After a failure: the error of a record that a broker, or the producer, will never take.
    pub(crate) fn refusal(&self, error: &Error) -> Option<KafkaError> {
        let is_refusal = |error: &KafkaError| matches!(Refusal::from(error), Refusal::Record(_));
        let failed = std::mem::take(&mut self.deliveries().lock().failed);
        let reported = failed.into_iter().map(|(_, error)| error);
        let Error::Abort { cause, .. } = error else {
            return None;
        };
        reported.chain([cause.clone()]).find(is_refusal)
    }
}
