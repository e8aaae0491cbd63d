//! Batches: records on their way in, and what becomes of them on their way out.

use std::time::{Duration, Instant};

use copydesk_proto::{Article, Format};
use prometheus::IntGauge;

use crate::config::{self, Config};
use crate::dead_letter::Reject;
use crate::decode::decode;
use crate::record::Record;
use crate::stage::Pipeline;

/// Records read and not yet given to the stages.
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    bytes: usize,
    /// When it is complete though not full; from the first record on.
    deadline: Option<Instant>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            deadline: None,
        }
    }

    pub(crate) fn push(&mut self, record: Record, limits: &config::Batch) {
        let linger = Duration::from_millis(limits.linger_ms);
        self.deadline.get_or_insert_with(|| Instant::now() + linger);
        self.bytes += record.bytes();
        self.records.push(record);
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

    /// Drops the records that are no longer ours.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Record) -> bool) {
        self.records.retain(keep);
        self.bytes = self.records.iter().map(Record::bytes).sum();
        if self.records.is_empty() {
            self.deadline = None;
        }
    }
}

/// A record and what is to be produced for it.
pub(crate) struct Outcome {
    pub(crate) record: Record,
    /// What it became, or why there is none.
    pub(crate) result: Result<Enriched, Reject>,
    /// The dead letter goes without the record's value and time, being refused with them.
    pub(crate) bare: bool,
    /// A broker has refused it, or one that it travelled with: it is sent alone, to know which.
    pub(crate) suspect: bool,
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
            bare: false,
            suspect: false,
        }
    }
}

/// What becomes of a batch, in the order of its records; held until it is committed.
pub(crate) struct Outcomes {
    pub(crate) list: Vec<Outcome>,
    _in_flight: InFlight,
}

/// Counts the bytes of a batch while it is held.
pub(crate) struct InFlight {
    gauge: IntGauge,
    bytes: i64,
}

impl InFlight {
    pub(crate) fn new(gauge: &IntGauge, bytes: usize) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        gauge.add(bytes);
        Self {
            gauge: gauge.clone(),
            bytes,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.sub(self.bytes);
    }
}

/// Takes a batch through decoding, the stages and encoding.
pub(crate) fn process<D: From<Article> + Into<Article> + AsMut<Article>>(
    batch: Batch,
    in_flight: InFlight,
    pipeline: &mut Pipeline<D>,
    config: &Config,
) -> Outcomes {
    let mut articles = Vec::with_capacity(batch.records.len());
    // For each record: nothing where it became an article, else why not.
    let mut rejects = Vec::with_capacity(batch.records.len());
    for record in &batch.records {
        match decode(record, config.input.format, &config.limits) {
            Ok(article) => {
                articles.push(article);
                rejects.push(None);
            }
            Err(reject) => rejects.push(Some(reject)),
        }
    }
    let mut enriched = pipeline
        .run(articles)
        .into_iter()
        .map(|result| encode(result, config.output.format));
    let outcome = |(record, reject): (Record, Option<Reject>)| match reject {
        Some(reject) => Outcome::new(record, Err(reject)),
        None => {
            let result = enriched
                .next()
                .expect("a pipeline gives one result an article");
            Outcome::new(record, result)
        }
    };
    let list = batch
        .records
        .into_iter()
        .zip(rejects)
        .map(outcome)
        .collect();
    Outcomes {
        list,
        _in_flight: in_flight,
    }
}

fn encode(result: Result<Article, Reject>, format: Format) -> Result<Enriched, Reject> {
    result.map(|article| Enriched {
        value: copydesk_proto::encode(&article, format),
        id: article.id,
    })
}
