//! Transactions: the records of a batch and the offsets that they came from, all or nothing.

mod resend;

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fail::fail_point;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::debug;

use crate::Shutdown;
use crate::batch::{Enriched, Outcome};
use crate::clients;
use crate::config::Config;
use crate::dead_letter::{self, Reject};
use crate::decode::CONTENT_TYPE;
use crate::error::{Error, Refusal};
use crate::ownership::Claim;
use crate::record::{Header, Record};

pub(crate) use resend::Resent;

/// Limit on one try to initialise, so that a request to stop is seen.
const PROBE: Duration = Duration::from_secs(3);
/// Before a call that may be repeated is repeated.
const PAUSE: Duration = Duration::from_millis(10);

/// A transactional producer.
pub(crate) struct Transactions {
    // With a thread that serves delivery reports: librdkafka's abort waits for them.
    producer: ThreadedProducer<Deliveries>,
    config: Config,
}

impl Transactions {
    /// Makes a producer, and ends what an earlier one with the same id has left open. That one is
    /// fenced from now on.
    pub(crate) fn open(config: &Config, shutdown: &Shutdown) -> Result<Self, Error> {
        let deliveries = Deliveries::default();
        let producer: ThreadedProducer<_> = clients::producer(config)
            .create_with_context(deliveries)
            .map_err(Error::of_client)?;
        fail_point!("before-init");
        let deadline = Instant::now() + config.kafka.commit_timeout();
        loop {
            let step = "initialise transactions";
            let Err(cause) = producer.init_transactions(PROBE) else {
                return Ok(Self {
                    producer,
                    config: config.clone(),
                });
            };
            let cause = Error::in_transaction(step, cause)?;
            if Instant::now() >= deadline || shutdown.is_requested() {
                return Err(Error::Broken { step, cause });
            }
        }
    }

    /// Tries to produce all outcomes and to commit them with their offsets, which it returns.
    ///
    /// After [`Error::Abort`] and [`Error::Rebalanced`] the transaction is to be aborted; after
    /// any other error nobody knows its outcome, and the producer is to be dropped.
    pub(crate) fn commit(
        &self,
        claim: &Claim<'_>,
        outcomes: &mut [Outcome],
    ) -> Result<HashMap<i32, i64>, Error> {
        fail_point!("before-begin");
        self.retried("begin", |_| self.producer.begin_transaction())?;
        fail_point!("after-begin");
        self.produce(outcomes)?;
        fail_point!("before-send-offsets");
        let next = next_offsets(outcomes);
        self.send_offsets(&self.config.topics.input, &next, &claim.proof)?;
        fail_point!("before-commit");
        self.retried("commit", |timeout| {
            self.producer.commit_transaction(timeout)
        })?;
        fail_point!("after-commit");
        Ok(next)
    }

    /// Adds to the transaction where reading goes on.
    fn send_offsets(
        &self,
        topic: &str,
        next: &HashMap<i32, i64>,
        proof: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        let offsets = offset_list(topic, next)?;
        self.retried("send offsets", |timeout| {
            let timeout = timeout.min(self.config.kafka.request_timeout());
            self.producer
                .send_offsets_to_transaction(&offsets, proof, timeout)
        })
    }

    /// Aborts the transaction, so that the next may begin.
    pub(crate) fn abort(&self) -> Result<(), Error> {
        fail_point!("before-abort");
        let aborted = self.retried("abort", |timeout| self.producer.abort_transaction(timeout));
        fail_point!("after-abort");
        aborted.map_err(|error| match error {
            Error::Abort { step, cause } => Error::Broken { step, cause },
            Error::Rebalanced(cause) => Error::Broken {
                step: "abort",
                cause,
            },
            error => error,
        })
    }

    /// After an abort: finds the records that a broker has refused; whether there were any. A
    /// record that was refused alone becomes a dead letter, or a smaller one. Of several that were
    /// refused in one request each is sent alone the next time.
    pub(crate) fn blame(&self, outcomes: &mut [Outcome]) -> Result<bool, Error> {
        let failed = std::mem::take(&mut self.deliveries().failed);
        let refused = |(i, error): (usize, KafkaError)| match Refusal::from(&error) {
            Refusal::Record(reason) => Some((i, reason, error)),
            _ => None,
        };
        let refused: Vec<_> = failed.into_iter().filter_map(refused).collect();
        if let [(i, reason, error)] = &refused[..] {
            self.refuse(&mut outcomes[*i], reason, error)?;
        } else {
            for (i, ..) in &refused {
                outcomes[*i].suspect = true;
            }
        }
        Ok(!refused.is_empty())
    }

    fn produce(&self, outcomes: &mut [Outcome]) -> Result<(), Error> {
        *self.deliveries() = Reports::default();
        let deadline = self.deadline();
        for (i, outcome) in outcomes.iter_mut().enumerate() {
            if outcome.suspect {
                self.delivered(deadline)?;
            }
            self.send(i, outcome, deadline)?;
            fail_point!("between-records");
            if outcome.suspect {
                self.delivered(deadline)?;
            }
        }
        fail_point!("before-delivered");
        self.delivered(deadline)
    }

    /// Hands one record to the producer, as a dead letter where it is too large for it.
    fn send(&self, i: usize, outcome: &mut Outcome, deadline: Instant) -> Result<(), Error> {
        loop {
            self.deliveries().pending += 1;
            let Err(error) = self.try_send(i, outcome) else {
                return Ok(());
            };
            self.deliveries().pending -= 1;
            match Refusal::from(&error) {
                Refusal::Record(reason) => self.refuse(outcome, reason, &error)?,
                Refusal::Full if Instant::now() < deadline => thread::park_timeout(PAUSE),
                _ => {
                    return Err(Error::Abort {
                        step: "produce",
                        cause: error,
                    });
                }
            }
        }
    }

    fn try_send(&self, i: usize, outcome: &Outcome) -> KafkaResult<()> {
        let Outcome {
            record,
            result,
            bare,
            ..
        } = outcome;
        let topics = &self.config.topics;
        let (topic, headers, value) = match result {
            Ok(enriched) => (
                &topics.output,
                self.enriched_headers(record),
                Some(&enriched.value[..]),
            ),
            Err(reject) => {
                let value = record.value.as_deref().filter(|_| !bare);
                (
                    &topics.dead_letters,
                    dead_letter::headers(record, reject, *bare),
                    value,
                )
            }
        };
        let id = result.as_ref().ok().map(|enriched| enriched.id.as_bytes());
        let send = BaseRecord {
            topic,
            partition: None,
            payload: value,
            // Its own key keeps the order of the records that share it.
            key: record.key.as_deref().or(id),
            // Its own time: the age of an article is the way from the scraper, over all services.
            timestamp: record.timestamp_ms.filter(|_| !bare),
            headers: Some(owned(&headers)),
            delivery_opaque: i,
        };
        self.producer.send(send).map_err(|(error, _)| error)
    }

    fn enriched_headers(&self, record: &Record) -> Vec<Header> {
        let own = record.headers.iter();
        let mut headers: Vec<Header> = own
            .filter(|(name, _)| !name.eq_ignore_ascii_case(CONTENT_TYPE))
            .cloned()
            .collect();
        let media_type = self.config.output.format.media_type();
        headers.push((
            CONTENT_TYPE.to_owned(),
            Some(media_type.as_bytes().to_vec()),
        ));
        headers
    }

    /// Makes a record that cannot be produced a dead letter, and a dead letter that cannot be
    /// produced a bare one.
    fn refuse(
        &self,
        outcome: &mut Outcome,
        reason: &'static str,
        error: &KafkaError,
    ) -> Result<(), Error> {
        match &outcome.result {
            Ok(Enriched { value, .. }) => {
                let detail = format!(
                    "the enriched record has a value of {} bytes, and topic {} or the setting \
                     kafka.max_record_bytes, {}, does not allow it: {error}",
                    value.len(),
                    self.config.topics.output,
                    self.config.kafka.max_record_bytes
                );
                outcome.result = Err(Reject::new("produce", reason, detail));
            }
            Err(_) if !outcome.bare => outcome.bare = true,
            Err(_) => {
                return Err(Error::Broken {
                    step: "produce a dead letter",
                    cause: error.clone(),
                });
            }
        }
        Ok(())
    }

    /// Waits until all that was sent is delivered.
    fn delivered(&self, deadline: Instant) -> Result<(), Error> {
        let Deliveries { reports, news } = self.producer.client().context().as_ref();
        let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some((_, cause)) = reports.failed.first() {
                return Err(Error::Abort {
                    step: "deliver the records",
                    cause: cause.clone(),
                });
            }
            if reports.pending == 0 {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::undelivered());
            }
            (reports, _) = news
                .wait_timeout(reports, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Calls until it succeeds, fails for good, or the time for it is over.
    fn retried(
        &self,
        step: &'static str,
        call: impl Fn(Duration) -> KafkaResult<()>,
    ) -> Result<(), Error> {
        let deadline = self.deadline();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Err(cause) = call(left) else {
                return Ok(());
            };
            let cause = Error::in_transaction(step, cause)?;
            if Instant::now() >= deadline {
                return Err(Error::Broken { step, cause });
            }
            debug!(step, error = %cause, "called again");
            thread::park_timeout(PAUSE);
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.config.kafka.commit_timeout()
    }

    fn deliveries(&self) -> MutexGuard<'_, Reports> {
        let deliveries = self.producer.client().context();
        deliveries
            .reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where reading goes on, by partition: after the last record.
fn next_offsets(outcomes: &[Outcome]) -> HashMap<i32, i64> {
    let mut next = HashMap::new();
    for Outcome { record, .. } in outcomes {
        let kafka_offset = next.entry(record.partition).or_insert(0);
        *kafka_offset = record.kafka_offset.max(*kafka_offset - 1) + 1;
    }
    next
}

fn offset_list(topic: &str, next: &HashMap<i32, i64>) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::with_capacity(next.len());
    for (&partition, &kafka_offset) in next {
        let added = list.add_partition_offset(topic, partition, Offset::Offset(kafka_offset));
        added.map_err(|cause| Error::Broken {
            step: "list offsets",
            cause,
        })?;
    }
    Ok(list)
}

fn owned(headers: &[Header]) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(empty, |owned, (key, value)| {
        owned.insert(rdkafka::message::Header {
            key,
            value: value.as_ref(),
        })
    })
}

/// Delivery reports, from the producer's own thread.
#[derive(Default)]
struct Deliveries {
    reports: Mutex<Reports>,
    news: Condvar,
}

#[derive(Default)]
struct Reports {
    /// Records sent and not yet reported.
    pending: usize,
    /// Records not delivered, by their index in the batch.
    failed: Vec<(usize, KafkaError)>,
}

impl ProducerContext for Deliveries {
    /// Index of the record in its batch.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, i: usize) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.pending = reports.pending.saturating_sub(1);
        if let Err((error, _)) = result {
            reports.failed.push((i, error.clone()));
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_goes_on_after_the_last_record_of_each_partition() {
        let outcome = |(partition, kafka_offset)| {
            let record = Record {
                partition,
                kafka_offset,
                ..Record::sample(b"")
            };
            Outcome::new(record, Err(Reject::new("test", "test", "")))
        };
        let outcomes: Vec<_> = [(0, 7), (1, 0), (0, 9), (0, 8)].map(outcome).into();

        let next = next_offsets(&outcomes);

        assert_eq!(next, HashMap::from([(0, 10), (1, 1)]));
    }
}
