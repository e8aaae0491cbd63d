//! The way out: produces what a batch became, and finds the records that a broker refuses.

mod resend;

use std::thread;
use std::time::{Duration, Instant};

use fail::fail_point;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use crate::batch::{Enriched, Outcome};
use crate::clients;
use crate::config::{Config, Delivery};
use crate::dead_letter::{self, Fault, Reject};
use crate::decode::CONTENT_TYPE;
use crate::deliveries::{Deliveries, Reports};
use crate::error::{Error, Refusal};
use crate::metrics::Queue;
use crate::record::Header;
use crate::trace::{RecordTrace, TRACEPARENT};

pub(crate) use resend::Resent;

/// Before a record is sent again for which the producer's queue had no room.
const PAUSE: Duration = Duration::from_millis(10);

/// A producer, and what becomes of the records given to it.
pub(crate) struct Outbox {
    // With a thread that serves delivery reports: librdkafka's abort waits for them.
    producer: ThreadedProducer<Deliveries>,
    config: Config,
}

impl Outbox {
    /// Makes a producer, whose queue is shown in `queue`; nothing is connected yet.
    pub(crate) fn new(config: &Config, queue: Option<Queue>) -> Result<Self, Error> {
        let deliveries = Deliveries::new(queue);
        let producer = clients::producer(config)
            .create_with_context(deliveries)
            .map_err(Error::of_client)?;
        Ok(Self {
            producer,
            config: config.clone(),
        })
    }

    pub(crate) fn producer(&self) -> &ThreadedProducer<Deliveries> {
        &self.producer
    }

    /// Produces all outcomes that are not delivered yet; returns once they are.
    pub(crate) fn produce(&self, outcomes: &mut [Outcome], deadline: Instant) -> Result<(), Error> {
        *self.deliveries().lock() = Reports::default();
        for (i, outcome) in outcomes.iter_mut().enumerate() {
            if outcome.delivered {
                continue;
            }
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

    /// Whether each record that was sent has its report: none can come in the next batch's time.
    pub(crate) fn is_settled(&self) -> bool {
        self.deliveries().lock().pending == 0
    }

    /// Notes in the outcomes which of them are delivered, where that is for good.
    pub(crate) fn note_delivered(&self, outcomes: &mut [Outcome]) {
        for i in std::mem::take(&mut self.deliveries().lock().delivered) {
            outcomes[i].delivered = true;
        }
    }

    /// After a failure: finds the records that a broker has refused; whether there were any. A
    /// record that was refused alone becomes a dead letter, or a smaller one. Of several that were
    /// refused in one request each is sent alone the next time.
    pub(crate) fn blame(&self, outcomes: &mut [Outcome]) -> Result<bool, Error> {
        let failed = std::mem::take(&mut self.deliveries().lock().failed);
        let refused = |(i, error): (usize, KafkaError)| match Refusal::from(&error) {
            Refusal::Record(fault) => Some((i, fault, error)),
            _ => None,
        };
        let refused: Vec<_> = failed.into_iter().filter_map(refused).collect();
        if let [(i, fault, error)] = &refused[..] {
            self.refuse(&mut outcomes[*i], *fault, error)?;
        } else {
            for (i, ..) in &refused {
                outcomes[*i].suspect = true;
            }
        }
        Ok(!refused.is_empty())
    }

    /// Hands one record to the producer, as a dead letter where it is too large for it.
    fn send(&self, i: usize, outcome: &mut Outcome, deadline: Instant) -> Result<(), Error> {
        loop {
            let Err(cause) = self.try_send(i, outcome, deadline) else {
                return Ok(());
            };
            match Refusal::from(&cause) {
                Refusal::Record(fault) => self.refuse(outcome, fault, &cause)?,
                _ => {
                    let step = "produce";
                    return Err(Error::Abort { step, cause });
                }
            }
        }
    }

    fn try_send(&self, i: usize, outcome: &Outcome, deadline: Instant) -> KafkaResult<()> {
        let Outcome {
            record,
            result,
            omitted,
            ..
        } = outcome;
        let topics = &self.config.topics;
        let (topic, headers, value) = match result {
            Ok(enriched) => (
                &topics.output,
                self.enriched_headers(outcome),
                Some(&enriched.value[..]),
            ),
            Err(reject) => (
                &topics.dead_letters,
                dead_letter::headers(&self.config, record, reject, *omitted),
                record.value.as_deref().filter(|_| !omitted.value),
            ),
        };
        let id = result.as_ref().ok().map(|enriched| enriched.id.as_bytes());
        let key = record.key.as_deref().filter(|_| !omitted.key);
        let send = BaseRecord {
            topic,
            partition: None,
            payload: value,
            // Its own key keeps the order of the records that share it.
            key: key.or(id),
            // Its own time: the age of an article is the way from the scraper, over all services.
            timestamp: record.timestamp_ms.filter(|_| !omitted.timestamp),
            headers: Some(owned(&headers)),
            delivery_opaque: i,
        };
        self.enqueue(send, deadline)
    }

    /// Gives a record to the producer, as soon as its queue has room.
    fn enqueue(
        &self,
        mut record: BaseRecord<'_, [u8], [u8], usize>,
        deadline: Instant,
    ) -> KafkaResult<()> {
        self.deliveries().lock().pending += 1;
        loop {
            let Err((error, unsent)) = self.producer.send(record) else {
                return Ok(());
            };
            let is_full = matches!(Refusal::from(&error), Refusal::Full);
            if !is_full || Instant::now() >= deadline {
                self.deliveries().lock().pending -= 1;
                return Err(error);
            }
            record = unsent;
            thread::park_timeout(PAUSE);
        }
    }

    /// The record's own headers, but for what is different of the article that it became.
    fn enriched_headers(&self, outcome: &Outcome) -> Vec<Header> {
        let trace = outcome.trace.as_ref();
        let stays = |name: &str| {
            let is_span = trace.is_some() && name.eq_ignore_ascii_case(TRACEPARENT);
            !is_span && !name.eq_ignore_ascii_case(CONTENT_TYPE)
        };
        let own = outcome.record.headers.iter();
        let mut headers: Vec<Header> = own.filter(|(name, _)| stays(name)).cloned().collect();
        headers.extend(trace.map(RecordTrace::header));
        let media_type = self.config.output.format.media_type();
        headers.push((
            CONTENT_TYPE.to_owned(),
            Some(media_type.as_bytes().to_vec()),
        ));
        headers
    }

    /// Makes a record that cannot be produced a dead letter, and a dead letter that cannot be
    /// produced one with less in it.
    fn refuse(&self, outcome: &mut Outcome, fault: Fault, error: &KafkaError) -> Result<(), Error> {
        let topics = &self.config.topics;
        if let Ok(Enriched { value, .. }) = &outcome.result {
            let detail = match fault {
                Fault::TooLarge => format!(
                    "the enriched record has a value of {} bytes, and topic {} or the setting \
                     kafka.max_record_bytes, {}, does not allow it: {error}",
                    value.len(),
                    topics.output,
                    self.config.kafka.max_record_bytes
                ),
                Fault::Invalid => format!(
                    "topic {} refuses the enriched record as it is: {error}",
                    topics.output
                ),
            };
            outcome.result = Err(Reject::new(Fault::STAGE, fault.reason(), detail));
        } else if !outcome.omitted.leave_out(fault, &outcome.record) {
            return Err(Error::DeadLetterRefused {
                record: outcome.record.place(),
                cause: error.clone(),
            });
        }
        Ok(())
    }

    /// Waits until all that was sent is delivered.
    fn delivered(&self, deadline: Instant) -> Result<(), Error> {
        // In a transaction one failure stops the others, which then have no report until the abort.
        let is_hopeless = |reports: &Reports| {
            self.config.kafka.delivery == Delivery::ExactlyOnce && !reports.failed.is_empty()
        };
        let wanted = |reports: &Reports| reports.pending == 0 || is_hopeless(reports);
        let reports = self.deliveries().wait_until(deadline, wanted);
        match reports.failed.first() {
            Some((_, cause)) => Err(Error::Abort {
                step: "deliver the records",
                cause: cause.clone(),
            }),
            None if reports.pending == 0 => Ok(()),
            None => Err(Error::undelivered()),
        }
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer.client().context()
    }
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
