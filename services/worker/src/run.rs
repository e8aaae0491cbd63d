//! The worker: read a batch, run the stages, hand it to the sink, and again.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use copydesk_proto::Article;
use fail::fail_point;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::batch::{Batch, Outcomes, process};
use crate::committer::Committer;
use crate::config::{Config, Delivery};
use crate::context::Context;
use crate::dead_letter::Fault;
use crate::decode;
use crate::error::chain;
use crate::lag::Lag;
use crate::membership::Membership;
use crate::ownership::Ownership;
use crate::refusal::LastRefusal;
use crate::sink::Sink;
use crate::source::Source;
use crate::succession::Succession;
use crate::trace::Tracer;
use crate::transaction::Transactions;
use crate::{ConfigError, Error, Health, Metrics, Pipeline, Shutdown, Successor};

/// Calls with a limit of their own that a batch may need to end, and as many again for their limits
/// to be late.
const CALLS: u32 = 10;

/// How often a batch that waits for the sink looks up.
const TICK: Duration = Duration::from_millis(50);

/// Consumes, processes and produces, exactly once. `D` is the stages' work in progress.
pub struct Worker<D> {
    config: Config,
    pipeline: Pipeline<D>,
    succession: Succession<D>,
    metrics: Metrics,
    health: Health,
    tracer: Option<Tracer>,
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
        metrics.expect_rejects(decode::STAGE, decode::reasons());
        metrics.expect_rejects(Fault::STAGE, Fault::ALL.map(Fault::reason));
        pipeline.observe(&metrics);
        health.limit_stalls(config.limits.stall_timeout());
        Ok(Self {
            config: config.expanded(),
            pipeline,
            succession: Succession::new(),
            metrics,
            health,
            tracer: None,
        })
    }

    /// The way to give this worker another pipeline while it runs.
    pub fn successor(&self) -> Successor<D> {
        self.succession.successor()
    }

    /// Works until `shutdown` is requested, or an error that cannot be recovered from.
    ///
    /// Blocks: call it on a plain thread, never in a tokio runtime. After a request it returns
    /// within `kafka.stop_timeout_ms` and the time that the stages need for the batch in hand.
    pub fn run(mut self, shutdown: &Shutdown) -> Result<(), Error> {
        self.tracer = Tracer::open(&self.config, &self.metrics)?;
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
        self.health.repeat();
        let error = error.or_denied(&self.config);
        match error.waits_for_others() {
            true => self.health.hold(),
            // Where it goes on like that for ever, a new process is what may still help.
            false => self.health.busy(),
        }
        let error = chain(&error);
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
        let kafka = &self.config.kafka;
        let patience = kafka.commit_timeout() * CALLS;
        let closed = session.close(kafka.stop_timeout(), patience, shutdown);
        closed.and(result)
    }

    fn open(&self, shutdown: &Shutdown) -> Result<Session, Error> {
        let config = &self.config;
        let topic: Arc<str> = config.topics.input.as_str().into();
        let ownership = Arc::new(Ownership::default());
        let lag = Lag::new(Arc::clone(&topic), &self.metrics);
        let context = Context {
            topic,
            brokers: config.kafka.brokers.clone(),
            group_instance_id: config.kafka.group_instance_id.clone(),
            ownership: Arc::clone(&ownership),
            patience: config.kafka.commit_timeout(),
            membership: Membership::default(),
            paused: AtomicBool::new(false),
            lag: lag.clone(),
            metrics: self.metrics.clone(),
            health: self.health.clone(),
            served: AtomicBool::new(false),
            assigned: AtomicBool::new(false),
            broker_lost: AtomicBool::new(false),
            closed: AtomicBool::new(false),
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
        let queue = Some(self.metrics.produce_queue.clone());
        let transactions = match config.kafka.delivery {
            Delivery::ExactlyOnce => Transactions::open(config, queue, shutdown)?,
            Delivery::AtLeastOnce => Transactions::forgo(config, queue, source.consumer())?,
        };
        let closing = Shutdown::new();
        let committer = Committer {
            transactions,
            ownership,
            config: config.clone(),
            lag,
            metrics: self.metrics.clone(),
            health: self.health.clone(),
            closing: closing.clone(),
        };
        let sink = Sink::start(closing, move |batch| committer.settle(batch))?;
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
            self.succeed();
            let sink = &session.sink;
            let interrupted = || shutdown.is_requested() || sink.has_failed();
            let Some(batch) = session.source.next_batch(interrupted)? else {
                continue;
            };
            let outcomes = self.process(batch, session, shutdown)?;
            fail_point!("before-hand-over");
            self.submit(session, outcomes, shutdown)?;
        }
        Ok(())
    }

    /// Goes on with a new pipeline, where one is handed over.
    fn succeed(&mut self) {
        if let Some(mut pipeline) = self.succession.take() {
            pipeline.observe(&self.metrics);
            self.pipeline = pipeline;
        }
    }

    fn process(
        &mut self,
        batch: Batch,
        session: &mut Session,
        shutdown: &Shutdown,
    ) -> Result<Outcomes, Error> {
        let metrics = &self.metrics;
        metrics.batches.inc();
        metrics.records_consumed.inc_by(batch.records.len() as u64);
        metrics.batch_records.observe(batch.records.len() as f64);
        metrics.batch_bytes.observe(batch.bytes() as f64);
        self.health.busy();
        let (health, stop_timeout) = (&self.health, self.config.kafka.stop_timeout());
        let mut pause = |time| {
            health.step();
            session.pause(time, shutdown, stop_timeout)
        };
        let tracer = self.tracer.as_ref();
        process(batch, &mut self.pipeline, &self.config, tracer, &mut pause)
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
            session.source.serve(Duration::ZERO)?;
        }
    }
}

/// One consumer and one producer; after a failure both are made anew.
struct Session {
    source: Source,
    sink: Sink,
}

impl Session {
    /// Serves Kafka between two calls of stages, or for a time. An error gives the batch in hand
    /// up: it is of no more use, or there is no time left for it.
    fn pause(
        &mut self,
        time: Duration,
        shutdown: &Shutdown,
        stop_timeout: Duration,
    ) -> Result<(), Error> {
        let end = Instant::now() + time;
        loop {
            self.sink.check()?;
            let left = end.saturating_duration_since(Instant::now());
            self.source.serve(left.min(TICK))?;
            let time_left = shutdown.time_left(stop_timeout);
            if time_left == Some(Duration::ZERO) || (time_left.is_some() && !left.is_zero()) {
                return Err(Error::Stopped);
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// Ends the transaction in flight, then leaves the group. An error where the first does not end
    /// within `patience`.
    fn close(
        self,
        timeout: Duration,
        patience: Duration,
        shutdown: &Shutdown,
    ) -> Result<(), Error> {
        let time_left = || shutdown.time_left(timeout).unwrap_or(timeout);
        let is_over = || shutdown.time_left(timeout) == Some(Duration::ZERO);
        let closed = self.sink.close(patience, is_over);
        self.source.close(time_left().max(TICK));
        closed
    }
}
