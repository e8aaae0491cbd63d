//! Replay: dead letters go back to the topics that they came from, exactly once.
//!
//! # What is sent already
//!
//! A committed offset says "all before this is done". It cannot say that some were left out by a
//! filter, and they must be there for a later replay. So each transaction holds, with the records
//! that it sends back, a *mark* in each partition of the dead-letter topic that they are from: a
//! record whose header names the group and whose value lists the offsets that were sent. A replay
//! reads twice: first the marks, then the letters, of which it leaves out the marked ones.
//!
//! * Letters, marks and offsets are in one transaction, so that a replay which is killed and run
//!   again doubles nothing and loses nothing.
//! * The transactional id is the group's name. Opening it ends what an earlier replay has left
//!   open, and stops one that still runs; marks are read after that, so none can be missed.
//! * A mark lies in its letters' partition and behind them. Retention deletes from the front: as
//!   long as there is a letter, there is its mark. No other topic is needed.
//! * The offsets are committed up to the first letter that was left out. They save reading, and
//!   show with Kafka's own tools how far a group is; what counts are the marks.
//! * Another group has marks of its own: with it, all is sent back once more.
//!
//! Only what was there at the start is read: a record that fails again is not sent in circles.
//! Records go to the topics that services read, and to no other that a header may name.
//!
//! A record keeps its time. One that is older than its topic's `retention.ms` may be deleted there
//! before a worker has read it: raise that first.

pub(crate) mod letter;
pub(crate) mod mark;
mod offsets;
mod progress;
mod reader;
mod select;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread;

use rdkafka::error::KafkaError;

use self::mark::Mark;
use self::offsets::Offsets;
use self::progress::Progress;
use self::reader::Reader;
use crate::backoff::Backoff;
use crate::config::{Config, Delivery};
use crate::outbox::Resent;
use crate::stopwatch::Stopwatch;
use crate::transaction::Transactions;
use crate::{Error, Shutdown};

pub use self::letter::DeadLetter;
pub use self::select::Selection;

/// What to replay, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which dead letters.
    pub selection: Selection,
    /// At most so many.
    pub limit: Option<u64>,
    /// Send nothing, write nothing.
    pub dry_run: bool,
    /// The topics that records may go back to.
    pub origins: Vec<String>,
}

/// What became of a dead letter that was selected.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fate {
    /// Its record was sent back; of a dry run: would be.
    Sent,
    /// It stays, for this reason.
    Kept(Kept),
}

/// Why a dead letter cannot be sent back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Kept {
    /// Not a dead letter of a worker.
    #[error("it does not say which topic it came from")]
    Foreign,
    /// A part of the record was too large for the dead-letter topic: its value, headers or key.
    #[error("its {0} was left out when it was written, being too large for the topic")]
    Bare(&'static str),
    /// The topic is not read by any service.
    #[error("it came from topic {0}, which no service reads: see the settings under topics")]
    OtherTopic(String),
    /// The topic does not exist, or not for this user.
    #[error("it came from topic {0}, which does not exist or may not be written")]
    MissingTopic(Arc<str>),
    /// The broker does not take the record.
    #[error("topic {topic} does not take it: {cause}")]
    Refused {
        /// The topic.
        topic: Arc<str>,
        /// What the broker says.
        cause: KafkaError,
    },
}

/// One replay.
pub struct Replay {
    config: Config,
    request: Request,
    /// None in a dry run.
    transactions: Option<Transactions>,
    reader: Reader,
    /// How many partitions each origin has.
    origins: HashMap<Arc<str>, usize>,
    /// Letters that the group has sent back, by partition.
    sent: BTreeMap<i32, Offsets>,
    progress: Progress,
}

impl Replay {
    /// Connects; from now on no other replay of the same group can write. `config` is of a service
    /// of its own, whose group and transactional id are those of the replay.
    pub fn open(mut config: Config, request: Request) -> Result<Self, Error> {
        // Both are for workers: a replay is always exactly once, and joins no group.
        config.kafka.delivery = Delivery::ExactlyOnce;
        config.kafka.group_instance_id.clear();
        let denial = config.clone();
        Self::connect(config, request).map_err(|error| error.or_denied(&denial))
    }

    fn connect(config: Config, request: Request) -> Result<Self, Error> {
        let mut reader = Reader::new(&config, &config.topics.dead_letters)?;
        let mut origins = HashMap::new();
        for topic in &request.origins {
            let partitions = match reader.partitions(topic) {
                Err(Error::MissingTopic { .. } | Error::Topic { .. }) => 0,
                partitions => partitions?,
            };
            origins.insert(topic.as_str().into(), partitions);
        }
        let transactions = match request.dry_run {
            true => None,
            false => Some(Transactions::open(&config, None, &Shutdown::new())?),
        };
        reader.survey()?;
        let progress = Progress::new(reader.starts());
        let sent = BTreeMap::new();
        Ok(Self {
            config,
            request,
            transactions,
            reader,
            origins,
            sent,
            progress,
        })
    }

    /// Sends back what is selected, and tells `observe` of each dead letter once its fate is sure.
    pub fn run(mut self, observe: &mut dyn FnMut(&DeadLetter, Fate)) -> Result<(), Error> {
        let replayed = self.replay(observe);
        replayed.map_err(|error| error.or_denied(&self.config))
    }

    fn replay(&mut self, observe: &mut dyn FnMut(&DeadLetter, Fate)) -> Result<(), Error> {
        self.read_marks()?;
        self.reader.rewind()?;
        let (mut batch, mut bytes, mut left) = (Vec::new(), 0, self.request.limit);
        while left != Some(0) {
            let Some(record) = self.reader.next()? else {
                break;
            };
            let Some(letter) = self.pick(DeadLetter(record), observe) else {
                continue;
            };
            left = left.map(|left| left - 1);
            bytes += letter.bytes();
            batch.push(letter);
            let limits = &self.config.batch;
            if batch.len() >= limits.max_records || bytes >= limits.max_bytes {
                self.settle(std::mem::take(&mut batch), observe)?;
                bytes = 0;
            }
        }
        self.settle(batch, observe)
    }

    fn read_marks(&mut self) -> Result<(), Error> {
        self.reader.rewind()?;
        while let Some(record) = self.reader.next()? {
            if let Some(mark) = Mark::read(&record)
                && mark.group == self.config.kafka.group
            {
                let sent = self.sent.entry(record.partition).or_default();
                sent.extend(&mark.sent);
            }
        }
        Ok(())
    }

    /// The letter, if it is to be sent.
    fn pick(
        &mut self,
        letter: DeadLetter,
        observe: &mut dyn FnMut(&DeadLetter, Fate),
    ) -> Option<DeadLetter> {
        let sent = self.sent.get(&letter.partition());
        let is_sent = sent.is_some_and(|sent| sent.contains(letter.kafka_offset()));
        if is_sent || Mark::read(&letter.0).is_some() {
            self.progress.pass(&letter);
            return None;
        }
        let kept = self.obstacle(&letter);
        let is_selected = self.request.selection.takes(&letter);
        match kept {
            // Nothing to wait for: no later replay could send it either.
            Some(Kept::Foreign | Kept::Bare(_)) => self.progress.pass(&letter),
            None if is_selected => self.progress.pass(&letter),
            _ => self.progress.stop(&letter),
        }
        match kept {
            _ if !is_selected => None,
            None => Some(letter),
            Some(kept) => {
                observe(&letter, Fate::Kept(kept));
                None
            }
        }
    }

    /// Why a letter cannot be sent back.
    fn obstacle(&self, letter: &DeadLetter) -> Option<Kept> {
        let Some(topic) = letter.origin_topic() else {
            return Some(Kept::Foreign);
        };
        if let Some(part) = letter.missing() {
            return Some(Kept::Bare(part));
        }
        match self.origins.get_key_value(topic) {
            None => Some(Kept::OtherTopic(topic.to_owned())),
            Some((topic, 0)) => Some(Kept::MissingTopic(Arc::clone(topic))),
            Some(_) => None,
        }
    }

    /// Sends a batch; if a record of it is refused, each alone.
    fn settle(
        &mut self,
        batch: Vec<DeadLetter>,
        observe: &mut dyn FnMut(&DeadLetter, Fate),
    ) -> Result<(), Error> {
        let Some(cause) = self.send(&batch)? else {
            for letter in &batch {
                observe(letter, Fate::Sent);
            }
            return Ok(());
        };
        self.progress.hold();
        if let [letter] = &batch[..] {
            let topic = letter.origin_topic().unwrap_or_default().into();
            observe(letter, Fate::Kept(Kept::Refused { topic, cause }));
            return Ok(());
        }
        let mut letters = batch.into_iter();
        letters.try_for_each(|letter| self.settle(vec![letter], observe))
    }

    /// Commits a batch; with an error that will not pass, if a broker refuses a record of it.
    fn send(&mut self, batch: &[DeadLetter]) -> Result<Option<KafkaError>, Error> {
        let Some(transactions) = self.transactions.as_ref().filter(|_| !batch.is_empty()) else {
            return Ok(None);
        };
        let topic = &self.config.topics.dead_letters;
        let records = self.records(batch);
        let proof = self.reader.proof()?;
        let mut backoff = Backoff::new(&self.config.retry);
        let start = Stopwatch::start();
        let fencing = |error: Error| self.fencing(error, start);
        for attempt in 0.. {
            let resent = transactions.resend(&records, topic, &self.progress.next, &proof);
            let Err(error) = resent else { break };
            if !error.is_abort() {
                return Err(fencing(error));
            }
            transactions.abort().map_err(fencing)?;
            if let Some(cause) = transactions.refusal(&error) {
                return Ok(Some(cause));
            }
            if attempt >= self.config.retry.max_attempts {
                return Err(error);
            }
            thread::park_timeout(backoff.next());
        }
        self.progress.commit();
        Ok(None)
    }

    /// The error, or that another replay has begun. A broker says the same of a transaction that it
    /// has aborted for taking too long.
    fn fencing(&self, error: Error, start: Stopwatch) -> Error {
        let kafka = &self.config.kafka;
        match error.or_fenced(&kafka.transactional_id) {
            Error::Fenced { cause, .. } if start.elapsed() >= kafka.transaction_timeout() => {
                Error::Broken {
                    step: "replay within kafka.transaction_timeout_ms",
                    cause,
                }
            }
            Error::Fenced { cause, .. } => Error::Outrun {
                group: kafka.group.clone(),
                cause,
            },
            error => error,
        }
    }

    /// The records in the letters, and the marks of those.
    fn records(&self, batch: &[DeadLetter]) -> Vec<Resent> {
        let mut marks = BTreeMap::<i32, Offsets>::new();
        let mut records = Vec::with_capacity(batch.len() + 1);
        for letter in batch {
            let topic = letter.origin_topic().unwrap_or_default();
            let (topic, &partitions) = self
                .origins
                .get_key_value(topic)
                .expect("letters from other topics are not picked");
            records.push(letter.restored(Arc::clone(topic), partitions));
            let sent = marks.entry(letter.partition()).or_default();
            sent.insert(letter.kafka_offset());
        }
        let topic: Arc<str> = self.config.topics.dead_letters.as_str().into();
        let mark = |(partition, sent)| {
            let group = self.config.kafka.group.clone();
            Mark { group, sent }.record(&topic, partition)
        };
        records.extend(marks.into_iter().map(mark));
        records
    }
}
