//! Consume, process, produce: exactly once.
//!
//! A [`Worker`] reads records from one topic, runs the articles in them through a [`Pipeline`] of
//! [`Stage`]s, and writes each enriched record to a second topic, or to a third, as a dead letter,
//! what cannot be enriched. It knows Kafka and nothing of language: the stages are given to it.
//!
//! # Contract
//!
//! * Each record of the input topic leads to exactly one record, enriched or dead letter, for
//!   readers with `isolation.level=read_committed`, whatever dies in between: what a batch of
//!   records leads to is committed in one transaction with the offsets of that batch.
//! * Records with the same key keep their order: a batch is committed after the one before it.
//! * A record that cannot be read, that makes a stage fail or panic, or whose result is too large
//!   does not stop the others. It becomes a dead letter as it came, with headers that say where it
//!   came from, at which step it failed, and why.
//! * A record's id depends on the record alone: the scraper's own, else topic, partition and offset.
//! * Failures of Kafka are waited out. [`Worker::run`] returns only on request, or with an error
//!   that needs somebody to act: a setting that cannot work, or a second worker with its identity.
//! * Memory is bounded: by what is fetched ahead, and two batches.
//!
//! # How
//!
//! Two threads. The worker's own reads a batch (`source`) and runs the stages; the sink's (`sink`)
//! runs the transaction of the batch before it meanwhile. Rebalances are served on the worker's
//! thread alone. `ownership` says which records are still ours, and has the proof of it that the
//! broker checks: begin there to see why no record is done twice.
//!
//! A transaction that fails is aborted, and its batch produced again without running the stages
//! again. Where that does not help, or nobody knows whether a commit came through, both Kafka
//! clients are dropped and made anew, and reading goes on from the committed offsets.

mod admin;
mod backoff;
mod batch;
mod clients;
pub mod config;
mod dead_letter;
mod decode;
mod error;
mod health;
mod lag;
mod metrics;
mod ownership;
mod record;
mod refusal;
pub mod replay;
mod run;
mod shutdown;
mod sink;
mod source;
mod stage;
mod transaction;

pub use admin::Admin;
pub use config::{Config, ConfigError};
pub use dead_letter::Reject;
pub use error::Error;
pub use health::Health;
pub use metrics::Metrics;
pub use replay::Replay;
pub use run::Worker;
pub use shutdown::Shutdown;
pub use stage::{Pipeline, Stage, StageError};
