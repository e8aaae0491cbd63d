//! The sink: takes finished batches, one at a time, and commits them on a thread of its own, while
//! the stages are at work on the next.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use tracing::warn;

use crate::backoff::Backoff;
use crate::batch::{Outcome, Outcomes};
use crate::config::Config;
use crate::error::{Error, chain};
use crate::lag::Lag;
use crate::ownership::Ownership;
use crate::transaction::Transactions;
use crate::{Health, Metrics, Shutdown};

const THREAD: &str = "sink";
/// How often a wait looks up, e.g. for a request to stop.
const TICK: Duration = Duration::from_millis(100);

/// Hands batches over to the thread that commits them.
pub(crate) struct Sink {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
    /// Hung up when the thread has ended, and with it the producer.
    ended: Receiver<()>,
}

/// Where batches are handed over. There is room for the one being committed and no other: a second
/// stays with the worker, which does not read a third.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Handed over.
    Full(Outcomes),
    /// Being committed.
    Busy,
    /// The thread has ended with this error; `None` once it was reported.
    Failed(Option<Error>),
    /// No more batches will come.
    Closed,
}

impl Sink {
    /// Starts the thread.
    pub(crate) fn start(committer: Committer) -> Result<Self, Error> {
        let desk = Arc::new(Desk::default());
        let theirs = Arc::clone(&desk);
        let (end, ended) = mpsc::channel();
        let work = move || {
            committer.run(&theirs);
            drop::<Sender<()>>(end);
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(work);
        let thread = thread.map_err(|cause| Error::Thread {
            name: THREAD,
            cause,
        })?;
        Ok(Self {
            desk,
            thread,
            ended,
        })
    }

    /// Hands a batch over, when the one before is committed within `patience`; else leaves it in
    /// its place.
    pub(crate) fn offer(
        &self,
        batch: &mut Option<Outcomes>,
        patience: Duration,
    ) -> Result<(), Error> {
        let mut state = self.desk.wait_while_busy(patience);
        self.failure(&mut state)?;
        if matches!(*state, State::Idle)
            && let Some(batch) = batch.take()
        {
            *state = State::Full(batch);
            self.desk.changed.notify_all();
        }
        Ok(())
    }

    /// The error that the thread has ended with, if it has.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.failure(&mut self.desk.lock())
    }

    /// Whether [`Sink::check`] has something to tell.
    pub(crate) fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets the batch that was handed over end, and the thread with it, within `timeout`.
    pub(crate) fn close(self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut state = self.desk.wait_while_busy(timeout);
        if matches!(*state, State::Idle) {
            *state = State::Closed;
            self.desk.changed.notify_all();
        }
        drop(state);
        let left = deadline.saturating_duration_since(Instant::now());
        // The thread and its producer are left behind then: the broker aborts what they have open
        // when its time is over, or when a producer with the same id comes up.
        if self.ended.recv_timeout(left.max(TICK)) == Err(RecvTimeoutError::Timeout) {
            warn!("the transaction did not end in time, left behind");
        }
    }

    fn failure(&self, state: &mut State) -> Result<(), Error> {
        match state {
            State::Failed(error) => Err(error.take().unwrap_or(Error::SinkPanicked)),
            _ if self.thread.is_finished() => Err(Error::SinkPanicked),
            _ => Ok(()),
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_busy(&self, patience: Duration) -> MutexGuard<'_, State> {
        let busy = |state: &mut State| matches!(state, State::Full(_) | State::Busy);
        let waited = self.changed.wait_timeout_while(self.lock(), patience, busy);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Takes the next batch; `None` when no more will come.
    fn take(&self) -> Option<Outcomes> {
        let idle = |state: &mut State| matches!(state, State::Idle);
        let waited = self.changed.wait_while(self.lock(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Busy) {
            State::Full(batch) => Some(batch),
            _ => None,
        }
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }
}

/// Commits batches, again and again where that may help.
pub(crate) struct Committer {
    pub(crate) transactions: Transactions,
    pub(crate) ownership: Arc<Ownership>,
    pub(crate) config: Config,
    pub(crate) lag: Lag,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    pub(crate) shutdown: Shutdown,
}

impl Committer {
    fn run(self, desk: &Desk) {
        while let Some(mut batch) = desk.take() {
            let settled = self.settle(&mut batch.list);
            drop(batch);
            match settled {
                Ok(()) => desk.set(State::Idle),
                Err(error) => return desk.set(State::Failed(Some(error))),
            }
        }
    }

    /// Commits a batch, or as much of it as is still ours.
    fn settle(&self, outcomes: &mut Vec<Outcome>) -> Result<(), Error> {
        let mut backoff = Backoff::new(&self.config.retry);
        let mut attempts = 0;
        loop {
            match self.attempt(outcomes)? {
                Attempt::Done if attempts == 0 => return Ok(()),
                Attempt::Done => {
                    self.health.set_ready();
                    return Ok(());
                }
                // Does not count: each record is refused three times at most, then has no more
                // that can be left out.
                Attempt::Refused => {}
                Attempt::Rebalanced { generation, error } => {
                    self.await_assignment(generation, error)?;
                }
                Attempt::Aborted(error) => {
                    self.health.set_not_ready(chain(&error));
                    attempts += 1;
                    let is_last = attempts > self.config.retry.max_attempts;
                    if is_last || self.shutdown.wait_timeout(backoff.next()) {
                        return Err(error);
                    }
                }
            }
            self.metrics.retries.inc();
        }
    }

    /// Runs one transaction, and aborts it where that is the way out.
    fn attempt(&self, outcomes: &mut Vec<Outcome>) -> Result<Attempt, Error> {
        // No proof: the assignment is lost, with all that was read under it.
        let Some(claim) = self.ownership.claim() else {
            return Ok(Attempt::Done);
        };
        outcomes.retain(|outcome| claim.covers(&outcome.record));
        // A transaction of nothing would be an error in librdkafka (rust-rdkafka #349).
        if outcomes.is_empty() {
            return Ok(Attempt::Done);
        }
        let start = Instant::now();
        let error = match self.transactions.commit(&claim, outcomes) {
            Ok(next) => {
                self.lag.commit(&next);
                self.count(outcomes, start);
                return Ok(Attempt::Done);
            }
            Err(error) if error.is_abort() => error,
            Err(error) => return Err(self.fencing(error, start)),
        };
        self.metrics
            .transactions
            .with_label_values(&["aborted"])
            .inc();
        let records = outcomes.len();
        warn!(
            error = chain(&error),
            records, "transaction aborted, batch will be retried"
        );
        self.transactions
            .abort()
            .map_err(|error| self.fencing(error, start))?;
        if self.transactions.blame(outcomes)? {
            return Ok(Attempt::Refused);
        }
        Ok(match error {
            Error::Rebalanced(_) => Attempt::Rebalanced {
                generation: claim.generation,
                error,
            },
            error => Attempt::Aborted(error),
        })
    }

    /// Waits for the assignment of a newer generation, which the polling thread gets.
    fn await_assignment(&self, generation: u64, error: Error) -> Result<(), Error> {
        let patience = Duration::from_millis(self.config.kafka.max_poll_interval_ms);
        let deadline = Instant::now() + patience;
        while !self.ownership.wait_newer(generation, TICK) {
            if self.shutdown.is_requested() || Instant::now() >= deadline {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells being fenced by another worker from other errors. A broker that has aborted our
    /// transaction for taking too long says the same; then new clients are the way out.
    fn fencing(&self, error: Error, start: Instant) -> Error {
        let timeout = Duration::from_millis(self.config.kafka.transaction_timeout_ms);
        if start.elapsed() >= timeout {
            return error;
        }
        error.or_fenced(&self.config.kafka.transactional_id)
    }

    fn count(&self, outcomes: &[Outcome], start: Instant) {
        let metrics = &self.metrics;
        metrics.transactions.with_label_values(&["committed"]).inc();
        metrics
            .commit_seconds
            .observe(start.elapsed().as_secs_f64());
        let now_ms = SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0.0, |now| now.as_secs_f64() * 1e3);
        for Outcome { record, result, .. } in outcomes {
            match result {
                Ok(_) => metrics.records_enriched.inc(),
                Err(reject) => {
                    let labels = [reject.stage, reject.reason];
                    metrics.records_rejected.with_label_values(&labels).inc();
                }
            }
            if let Some(timestamp_ms) = record.timestamp_ms {
                let age_seconds = (now_ms - timestamp_ms as f64) / 1e3;
                metrics.record_age_seconds.observe(age_seconds.max(0.0));
            }
        }
    }
}

/// How a transaction went.
enum Attempt {
    /// Committed, or there was nothing left that is ours.
    Done,
    /// Aborted: a broker has refused records, which will be sent differently.
    Refused,
    /// Aborted: the group has moved on from this generation.
    Rebalanced { generation: u64, error: Error },
    /// Aborted for another reason.
    Aborted(Error),
}
