//! Records that go as they are to a topic that each says itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer};

use super::{PAUSE, Reports, Transactions, owned};
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

impl Transactions {
    /// Tries to produce records and to commit them, with the offsets of `topic` where reading goes
    /// on. What an error means is as for [`Transactions::commit`].
    pub(crate) fn resend(
        &self,
        records: &[Resent],
        topic: &str,
        next: &HashMap<i32, i64>,
        proof: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        self.retried("begin", |_| self.producer.begin_transaction())?;
        *self.deliveries() = Reports::default();
        let deadline = self.deadline();
        for (i, record) in records.iter().enumerate() {
            self.enqueue(i, record, deadline)?;
        }
        self.delivered(deadline)?;
        if !next.is_empty() {
            self.send_offsets(topic, next, proof)?;
        }
        self.retried("commit", |timeout| {
            self.producer.commit_transaction(timeout)
        })
    }

    /// After an abort: the error of a record that a broker, or the producer, will never take.
    pub(crate) fn refusal(&self, error: &Error) -> Option<KafkaError> {
        let is_refusal = |error: &KafkaError| matches!(Refusal::from(error), Refusal::Record(_));
        let failed = std::mem::take(&mut self.deliveries().failed);
        let reported = failed.into_iter().map(|(_, error)| error);
        let Error::Abort { cause, .. } = error else {
            return None;
        };
        reported.chain([cause.clone()]).find(is_refusal)
    }

    fn enqueue(&self, i: usize, record: &Resent, deadline: Instant) -> Result<(), Error> {
        self.deliveries().pending += 1;
        loop {
            let send = BaseRecord {
                topic: &record.topic,
                partition: record.partition,
                payload: record.value.as_deref(),
                key: record.key.as_deref(),
                timestamp: record.timestamp_ms,
                headers: Some(owned(&record.headers)),
                delivery_opaque: i,
            };
            let Err((cause, _)) = self.producer.send(send) else {
                return Ok(());
            };
            let is_full = matches!(Refusal::from(&cause), Refusal::Full);
            if !is_full || Instant::now() >= deadline {
                self.deliveries().pending -= 1;
                let step = "produce";
                return Err(Error::Abort { step, cause });
            }
            thread::park_timeout(PAUSE);
        }
    }
}
