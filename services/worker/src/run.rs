//! The worker: read a batch, run the stages, hand it to the sink, and again.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use copydesk_proto::Article;
use fail::fail_point;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::batch::{Batch, InFlight, Outcomes, process};
use crate::config::Config;
use crate::error::chain;
use crate::lag::Lag;
use crate::ownership::Ownership;
use crate::refusal::LastRefusal;
use crate::sink::{Committer, Sink};
use crate::source::{Context, Source};
use crate::transaction::Transactions;
use crate::{ConfigError, Error, Health, Metrics, Pipeline, Shutdown};

/// How often a batch that waits for the sink looks up.
const TICK: Duration = Duration::from_millis(50);

/// Consumes, processes and produces, exactly once. `D` is the stages' work in progress.
pub struct Worker<D> {
    config: Config,
    pipeline: Pipeline<D>,
    metrics: Metrics,
    health: Health,
}

impl<D: From<Article> + Into<Article> + AsMut<Article>> Worker<D> {
    /// Makes a worker; nothing is connected yet.
    pub fn new(
        config: Config,
        mut pipeline: Pipeline<D>,
        metrics: Metrics,
        health: Health,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        pipeline.observe(metrics.stage_seconds.clone());
        Ok(Self {
            config: config.expanded(),
            pipeline,
            metrics,
            health,
        })
    }

    /// Works until `shutdown` is requested, or an error that cannot be recovered from.
    ///
    /// Blocks: call it on a plain thread, never in a tokio runtime. After a request it returns
    /// within `kafka.stop_timeout_ms` and the time that the stages need for the batch in hand.
    pub fn run(mut self, shutdown: &Shutdown) -> Result<(), Error> {
        let mut backoff = Backoff::new(&self.config.retry);
        while !shutdown.is_requested() {
            let start = Instant::now();
            match self.session(shutdown) {
                Ok(()) => break,
                Err(error) if shutdown.is_requested() => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "stopped in the middle"
                    );
                    break;
                }
                Err(error) if error.is_recoverable() => self.note(error),
                Err(error) => return Err(error),
            }
            // What ran for long is not what fails again and again.
            if start.elapsed() > Duration::from_millis(self.config.retry.max_ms) {
                backoff.reset();
            }
            shutdown.wait_timeout(backoff.next());
        }
        Ok(())
    }

    /// Says why there is no session now, once for each reason in a row.
    fn note(&self, error: Error) {
        self.metrics.session_restarts.inc();
        let error = chain(&error.or_denied(&self.config));
        if self.health.set_not_ready(&*error) {
            warn!(error, "will start again from the committed offsets");
        }
    }

    /// The life of one consumer and one producer.
    fn session(&mut self, shutdown: &Shutdown) -> Result<(), Error> {
        let mut session = self.open(shutdown)?;
        let result = self.work(&mut session, shutdown);
        if shutdown.is_requested() {
            self.health.drain();
        }
        session.close(self.config.kafka.stop_timeout(), shutdown);
        result
    }

    fn open(&self, shutdown: &Shutdown) -> Result<Session, Error> {
        let config = &self.config;
        let topic: Arc<str> = config.topics.input.as_str().into();
        let ownership = Arc::new(Ownership::default());
        let lag = Lag::new(Arc::clone(&topic), self.metrics.lag_records.clone());
        let context = Context {
            topic,
            brokers: config.kafka.brokers.clone(),
            ownership: Arc::clone(&ownership),
            patience: config.kafka.commit_timeout(),
            lag: lag.clone(),
            metrics: self.metrics.clone(),
            health: self.health.clone(),
            assigned: AtomicBool::new(false),
            broker_lost: AtomicBool::new(false),
            refusal: LastRefusal::default(),
        };
        let source = Source::new(config, context)?;
        match self.start_sink(&source, ownership, lag, shutdown) {
            Ok(sink) => Ok(Session { source, sink }),
            Err(error) => {
                source.close(self.config.kafka.stop_timeout());
                Err(error)
            }
        }
    }

    fn start_sink(
        &self,
        source: &Source,
        ownership: Arc<Ownership>,
        lag: Lag,
        shutdown: &Shutdown,
    ) -> Result<Sink, Error> {
        let config = &self.config;
        source.check_topics(config)?;
        // Before the group gives us partitions: an earlier transaction of ours must be over before
        // the offsets are fetched that it may have committed.
        let transactions = Transactions::open(config, shutdown)?;
        let sink = Sink::start(Committer {
            transactions,
            ownership,
            config: config.clone(),
            lag,
            metrics: self.metrics.clone(),
            health: self.health.clone(),
            shutdown: shutdown.clone(),
        })?;
        info!(
            service = config.service,
            group = config.kafka.group,
            "joining the group"
        );
        source.subscribe()?;
        Ok(sink)
    }

    fn work(&mut self, session: &mut Session, shutdown: &Shutdown) -> Result<(), Error> {
        while !shutdown.is_requested() {
            session.sink.check()?;
            let sink = &session.sink;
            let interrupted = || shutdown.is_requested() || sink.has_failed();
            let Some(batch) = session.source.next_batch(interrupted)? else {
                continue;
            };
            let outcomes = self.process(batch);
            fail_point!("before-hand-over");
            self.submit(session, outcomes, shutdown)?;
        }
        Ok(())
    }

    fn process(&mut self, batch: Batch) -> Outcomes {
        let metrics = &self.metrics;
        metrics.batches.inc();
        metrics.records_consumed.inc_by(batch.records.len() as u64);
        metrics.batch_records.observe(batch.records.len() as f64);
        metrics.batch_bytes.observe(batch.bytes() as f64);
        let in_flight = InFlight::new(&metrics.in_flight_bytes, batch.bytes());
        process(batch, in_flight, &mut self.pipeline, &self.config)
    }

    /// Waits until the sink takes the batch, and serves rebalances meanwhile. A batch for which
    /// there is no time before the worker must stop is dropped: it is read again.
    fn submit(
        &self,
        session: &mut Session,
        outcomes: Outcomes,
        shutdown: &Shutdown,
    ) -> Result<(), Error> {
        let mut outcomes = Some(outcomes);
        loop {
            session.sink.offer(&mut outcomes, TICK)?;
            if outcomes.is_none() {
                return Ok(());
            }
            let time_left = shutdown.time_left(self.config.kafka.stop_timeout());
            if time_left == Some(Duration::ZERO) {
                return Ok(());
            }
            session.source.serve()?;
        }
    }
}

/// One consumer and one producer; after a failure both are made anew.
struct Session {
    source: Source,
    sink: Sink,
}

impl Session {
    /// Ends the transaction in flight, then leaves the group.
    fn close(self, timeout: Duration, shutdown: &Shutdown) {
        let time_left = || shutdown.time_left(timeout).unwrap_or(timeout);
        self.sink.close(time_left());
        self.source.close(time_left().max(TICK));
    }
}
