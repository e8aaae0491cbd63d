//! Commits batches: what to do about each way in which that may fail.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::backoff::Backoff;
use crate::batch::{Outcome, Outcomes};
use crate::config::Config;
use crate::error::{Error, chain};
use crate::lag::Lag;
use crate::metrics::{ABORTED, COMMITTED};
use crate::ownership::Ownership;
use crate::record::now_ms;
use crate::stopwatch::Stopwatch;
use crate::trace::{BatchTrace, Step};
use crate::transaction::Transactions;
use crate::{Health, Metrics, Shutdown};

/// How often a wait looks up, e.g. for a request to stop.
const TICK: Duration = Duration::from_millis(100);

/// Commits batches, again and again where that may help.
pub(crate) struct Committer {
    pub(crate) transactions: Transactions,
    pub(crate) ownership: Arc<Ownership>,
    pub(crate) config: Config,
    pub(crate) lag: Lag,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    pub(crate) closing: Shutdown,
}

impl Committer {
    /// Commits a batch, or as much of it as is still ours.
    pub(crate) fn settle(&self, mut batch: Outcomes) -> Result<(), Error> {
        let Outcomes {
            list: outcomes,
            trace,
            ..
        } = &mut batch;
        let mut backoff = Backoff::new(&self.config.retry);
        let (mut attempts, mut is_excused) = (0, false);
        loop {
            match self.attempt(outcomes, trace.as_ref())? {
                Attempt::Done => {
                    if attempts > 0 {
                        self.health.set_ready();
                    }
                    return Ok(());
                }
                // Does not count: each record is refused a few times at most, then has no more
                // that can be left out.
                Attempt::Refused => is_excused = true,
                // Nor does the first failure after that: the refused record has taken a sequence
                // number that the broker never saw, and librdkafka (2.12) gives the partition new
                // ones only when the broker misses it.
                Attempt::Aborted(_) if is_excused => is_excused = false,
                Attempt::Rebalanced { generation, error } => {
                    self.await_assignment(generation, error)?;
                }
                Attempt::Aborted(error) => {
                    self.health.set_not_ready(chain(&error));
                    attempts += 1;
                    let is_last = attempts > self.config.retry.max_attempts;
                    if is_last || self.closing.wait_timeout(backoff.next()) {
                        return Err(error);
                    }
                }
            }
            self.metrics.retries.inc();
        }
    }

    /// Runs one transaction, and aborts it where that is the way out.
    fn attempt(
        &self,
        outcomes: &mut Vec<Outcome>,
        trace: Option<&BatchTrace>,
    ) -> Result<Attempt, Error> {
        // No proof: the assignment is lost, with all that was read under it.
        let Some(claim) = self.ownership.claim() else {
            return Ok(Attempt::Done);
        };
        outcomes.retain(|outcome| claim.covers(&outcome.record));
        // A transaction of nothing would be an error in librdkafka (rust-rdkafka #349).
        if outcomes.is_empty() {
            return Ok(Attempt::Done);
        }
        let start = Stopwatch::start();
        let span = trace.map(BatchTrace::commit);
        let committed = self.transactions.commit(&claim, outcomes);
        Step::end(span, committed.as_ref().err().map(|error| chain(error)));
        let error = match committed {
            Ok(next) => {
                self.lag.commit(&next);
                self.health.advance();
                self.count(outcomes, start);
                outcomes.iter_mut().for_each(Outcome::end_trace);
                return Ok(Attempt::Done);
            }
            Err(error) if error.is_abort() => error,
            Err(error) => return Err(self.fencing(error, start)),
        };
        self.metrics
            .transactions
            .with_label_values(&[ABORTED])
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
            if self.closing.is_requested() || Instant::now() >= deadline {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells being fenced by another worker from other errors.
    ///
    /// A broker says the same of a transaction that it has aborted for taking too long, e.g. since
    /// this process or its machine was halted. So where that may be it, new clients begin from the
    /// committed offsets. If there is another worker after all they fence it, it says so and ends:
    /// one of the two goes on.
    fn fencing(&self, error: Error, start: Stopwatch) -> Error {
        if start.elapsed() >= self.config.kafka.transaction_timeout() {
            return error;
        }
        error.or_fenced(&self.config.kafka.transactional_id)
    }

    fn count(&self, outcomes: &[Outcome], start: Stopwatch) {
        let metrics = &self.metrics;
        metrics.transactions.with_label_values(&[COMMITTED]).inc();
        metrics
            .commit_seconds
            .observe(start.elapsed().as_secs_f64());
        let now_ms = now_ms();
        for Outcome { record, result, .. } in outcomes {
            match result {
                Ok(_) => metrics.records_enriched.inc(),
                Err(reject) => {
                    let labels = [reject.stage, reject.reason];
                    metrics.records_rejected.with_label_values(&labels).inc();
                }
            }
            if let Some(timestamp_ms) = record.timestamp_ms {
                let age_seconds = now_ms.saturating_sub(timestamp_ms) as f64 / 1e3;
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
