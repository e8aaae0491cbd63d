//! Consume, process, produce: exactly once.
//!
//! A [`Worker`] reads records from one topic, runs the articles in them through a [`Pipeline`] of
//! [`Stage`]s, and writes each enriched record to a second topic, or to a third, as a dead letter,
//! what cannot be enriched. It knows Kafka and nothing of language: the stages are given to it.
//!
//! # Contract
//!
//! With `kafka.delivery = "exactly_once"`:
//! * Each record of the input topic leads to exactly one record, enriched or dead letter, for
//!   readers with `isolation.level=read_committed`, whatever dies in between: what a batch of
//!   records leads to is committed in one transaction with the offsets of that batch.
//! * Records with the same key keep their order: a batch is committed after the one before it.
//!
//! With `kafka.delivery = "at_least_once"`:
//! * Each record leads to one such record or more: the offsets of a batch are committed once the
//!   broker has acknowledged all that the batch led to, and what is between the two when something
//!   fails is done again. Nothing is lost, and without a failure nothing comes twice.
//! * Records with the same key keep their order, except that those done again come after what was
//!   done before the failure, and a record that the broker refused after those that it took.
//!
//! With both:
//! * A record that cannot be read, that makes a stage fail, panic or take too long, or whose result
//!   is too large, does not stop the others. It becomes a dead letter as it came, with headers that
//!   say where it came from, at which step it failed, and why. What the topic for dead letters
//!   refuses is left out of it: the time, or by size the value, the headers, the key.
//! * A failure of a stage that may pass is tried again, first with fewer articles, as the settings
//!   under `retry` say.
//! * A record's id depends on the record alone: the scraper's own, else topic, partition and offset.
//! * Failures of Kafka are waited out, each call of Kafka for a limited time. [`Worker::run`]
//!   returns only on request, or with an error that needs somebody to act: a setting that cannot
//!   work, a topic that refuses every form of a dead letter, or a second worker with its identity.
//! * A batch goes through one pipeline. A new one takes over between two batches: see [`Successor`].
//! * A worker that was halted, or its machine, goes on from the committed offsets.
//! * A worker that has work and gets none of it done says so: see [`Health::stalled`]. A stage that
//!   never looks at its [`Budget`] shows there; nothing else can end it.
//! * Memory is bounded: by what is fetched ahead, three batches (one being gathered, one in the
//!   stages or waiting, one being committed), and what two of them led to. A batch has
//!   `batch.max_bytes` and at most one record more.
//!
//! # How
//!
//! Two threads. The worker's own reads a batch (`source`) and runs the stages; the sink's (`sink`)
//! runs the transaction of the batch before it meanwhile. Rebalances are served on the worker's
//! thread alone, between two calls of stages at the latest. `ownership` says which records are
//! still ours, and has the proof of it that the broker checks: begin there to see why no record is
//! done twice.
//!
//! A transaction that fails is aborted, and its batch produced again without running the stages
//! again. Where that does not help, or nobody knows whether a commit came through, both Kafka
//! clients are dropped and made anew, the old ones first, and reading goes on from the committed
//! offsets. At least once goes the same way, with a transaction that does nothing: `transaction`
//! has the difference, all of it.

mod admin;
mod backoff;
mod batch;
mod budget;
mod call;
mod clients;
mod committer;
mod conduct;
pub mod config;
mod context;
mod dead_letter;
mod decode;
mod deliveries;
mod error;
#[cfg(fuzzing)]
pub mod fuzz;
mod health;
mod lag;
mod membership;
mod metrics;
mod outbox;
mod ownership;
mod positions;
mod record;
mod refusal;
pub mod replay;
mod run;
mod shutdown;
mod sink;
mod source;
mod stage;
mod stopwatch;
mod succession;
mod trace;
mod transaction;

pub use admin::Admin;
pub use budget::{Budget, StageError};
pub use config::{Config, ConfigError};
pub use dead_letter::Reject;
pub use error::Error;
pub use health::Health;
pub use metrics::Metrics;
pub use record::{Header, read_headers, text_headers};
pub use replay::Replay;
pub use run::Worker;
pub use shutdown::Shutdown;
pub use stage::{Pipeline, Stage};
pub use succession::{Ended, Successor};
