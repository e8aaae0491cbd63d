//! Batches: records on their way in, and what becomes of them on their way out.

use std::time::{Duration, Instant, SystemTime};

use copydesk_proto::{Article, Format};
use prometheus::IntGauge;

use crate::conduct::Conduct;
use crate::config::{self, Config};
use crate::dead_letter::{Omitted, Reject};
use crate::decode::decode;
use crate::record::Record;
use crate::stage::Pipeline;
use crate::trace::{BatchTrace, RecordTrace, Tracer};
use crate::{Error, Metrics};

/// Records read and not yet given to the stages.
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    bytes: usize,
    in_flight: InFlight,
    /// When it is complete though not full; from the first record on.
    deadline: Option<Instant>,
    /// When the first record was read.
    since: Option<SystemTime>,
}

impl Batch {
    pub(crate) fn new(in_flight: InFlight) -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            in_flight,
            deadline: None,
            since: None,
        }
    }

    /// Takes out what was gathered, and leaves an empty batch in its place.
    pub(crate) fn take(&mut self) -> Self {
        let next = Self::new(self.in_flight.another());
        std::mem::replace(self, next)
    }

    pub(crate) fn push(&mut self, record: Record, limits: &config::Batch) {
        let linger = Duration::from_millis(limits.linger_ms);
        self.deadline.get_or_insert_with(|| Instant::now() + linger);
        self.since.get_or_insert_with(SystemTime::now);
        self.bytes += record.bytes();
        self.in_flight.add(record.bytes());
        self.records.push(record);
        self.in_flight.hold(self.records.len());
    }

    pub(crate) fn is_full(&self, limits: &config::Batch) -> bool {
        self.records.len() >= limits.max_records || self.bytes >= limits.max_bytes
    }

    /// Time left to wait for more records; `None` before the first.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When its first record was read.
    pub(crate) fn since(&self) -> SystemTime {
        self.since.unwrap_or_else(SystemTime::now)
    }

    /// Drops the records that are no longer ours.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Record) -> bool) {
        self.records.retain(keep);
        self.bytes = self.records.iter().map(Record::bytes).sum();
        self.in_flight.set(self.bytes);
        self.in_flight.hold(self.records.len());
        if self.records.is_empty() {
            self.deadline = None;
            self.since = None;
        }
    }
}

/// A record and what is to be produced for it.
pub(crate) struct Outcome {
    pub(crate) record: Record,
    /// What it became, or why there is none.
    pub(crate) result: Result<Enriched, Reject>,
    /// What the dead letter goes without.
    pub(crate) omitted: Omitted,
    /// A broker has refused it, or one that it travelled with: it is sent alone, to know which.
    pub(crate) suspect: bool,
    /// It is delivered for good, in no transaction, and waits for its offset to be committed.
    pub(crate) delivered: bool,
    /// Its span, where its trace is sampled.
    pub(crate) trace: Option<RecordTrace>,
}

/// An article in the form in which it is produced.
pub(crate) struct Enriched {
    pub(crate) id: String,
    pub(crate) value: Vec<u8>,
}

impl Outcome {
    pub(crate) fn new(record: Record, result: Result<Enriched, Reject>) -> Self {
        Self {
            record,
            result,
            omitted: Omitted::default(),
            suspect: false,
            delivered: false,
            trace: None,
        }
    }

    /// Ends its span, once it is committed.
    pub(crate) fn end_trace(&mut self) {
        if let Some(trace) = self.trace.take() {
            trace.end(self.result.as_ref().err());
        }
    }
}

/// What becomes of a batch, in the order of its records; held until it is committed.
pub(crate) struct Outcomes {
    pub(crate) list: Vec<Outcome>,
    pub(crate) trace: Option<BatchTrace>,
    _in_flight: InFlight,
}

impl Outcomes {
    pub(crate) fn new(list: Vec<Outcome>, mut in_flight: InFlight) -> Self {
        let enriched = list
            .iter()
            .filter_map(|outcome| outcome.result.as_ref().ok());
        in_flight.add(enriched.map(|enriched| enriched.value.len()).sum());
        Self {
            list,
            trace: None,
            _in_flight: in_flight,
        }
    }
}

/// Counts the records and bytes of a batch while it is held: what was read, and later what it
/// became.
pub(crate) struct InFlight {
    records_gauge: IntGauge,
    bytes_gauge: IntGauge,
    records: usize,
    bytes: usize,
}

impl InFlight {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            records_gauge: metrics.in_flight_records.clone(),
            bytes_gauge: metrics.in_flight_bytes.clone(),
            records: 0,
            bytes: 0,
        }
    }

    /// The same of another batch, which holds nothing yet.
    fn another(&self) -> Self {
        Self {
            records_gauge: self.records_gauge.clone(),
            bytes_gauge: self.bytes_gauge.clone(),
            records: 0,
            bytes: 0,
        }
    }

    fn hold(&mut self, records: usize) {
        move_by(&self.records_gauge, self.records, records);
        self.records = records;
    }

    fn add(&mut self, bytes: usize) {
        self.set(self.bytes + bytes);
    }

    fn set(&mut self, bytes: usize) {
        move_by(&self.bytes_gauge, self.bytes, bytes);
        self.bytes = bytes;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.set(0);
        self.hold(0);
    }
}

fn move_by(gauge: &IntGauge, from: usize, to: usize) {
    let wide = |count| i64::try_from(count).unwrap_or(i64::MAX);
    gauge.add(wide(to) - wide(from));
}

/// Takes a batch through decoding, the stages and encoding. An error is that of `pause`, which
/// gives the batch up.
pub(crate) fn process<D: From<Article> + Into<Article> + AsMut<Article>>(
    batch: Batch,
    pipeline: &mut Pipeline<D>,
    config: &Config,
    tracer: Option<&Tracer>,
    pause: &mut dyn FnMut(Duration) -> Result<(), Error>,
) -> Result<Outcomes, Error> {
    let trace = tracer.and_then(|tracer| tracer.begin(&batch));
    let (articles, rejects) = read(&batch.records, config);
    let conduct = Conduct {
        article_timeout: Some(config.limits.article_timeout()),
        retry: Some(&config.retry),
        trace: trace.as_ref(),
        pause,
    };
    let mut enriched = pipeline
        .run_with(articles, conduct)?
        .into_iter()
        .map(|result| encode(result, config.output.format));
    let outcome = |(record, reject): (Record, Option<Reject>)| {
        let result = reject.map_or_else(|| enriched.next().expect(ONE_EACH), Err);
        Outcome {
            trace: trace.as_ref().and_then(|trace| trace.record(&record)),
            ..Outcome::new(record, result)
        }
    };
    let list = batch
        .records
        .into_iter()
        .zip(rejects)
        .map(outcome)
        .collect();
    Ok(Outcomes {
        trace,
        ..Outcomes::new(list, batch.in_flight)
    })
}

const ONE_EACH: &str = "a pipeline gives one result an article";

/// Decodes records: the articles, and for each record nothing where it became one, else why not.
fn read(records: &[Record], config: &Config) -> (Vec<Article>, Vec<Option<Reject>>) {
    let mut articles = Vec::with_capacity(records.len());
    let mut rejects = Vec::with_capacity(records.len());
    for record in records {
        match decode(record, config.input.format, &config.limits) {
            Ok(article) => {
                articles.push(article);
                rejects.push(None);
            }
            Err(reject) => rejects.push(Some(reject)),
        }
    }
    (articles, rejects)
}

fn encode(result: Result<Article, Reject>, format: Format) -> Result<Enriched, Reject> {
    result.map(|article| Enriched {
        value: copydesk_proto::encode(&article, format),
        id: article.id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_in_flight_until_they_are_dropped() {
        let metrics = Metrics::new("test");
        let mut batch = Batch::new(InFlight::new(&metrics));
        let limits = Config::sample().batch;
        let records = &metrics.in_flight_records;
        let in_flight = || (records.get(), metrics.in_flight_bytes.get());

        batch.push(Record::sample(b"one"), &limits);
        batch.push(Record::sample(b"other"), &limits);
        let held = in_flight();
        let taken = batch.take();
        let moved = in_flight();
        drop(taken);

        assert_eq!((held, moved), ((2, 8), (2, 8)));
        assert_eq!(in_flight(), (0, 0));
    }
}
