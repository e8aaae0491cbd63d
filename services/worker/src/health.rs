//! What the admin port says about the worker's state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntGauge;
use tracing::info;

use crate::Metrics;

/// Whether the worker is at work, and if not, why not. Cheap to clone; all clones agree.
#[derive(Clone, Debug)]
pub struct Health {
    state: Arc<Mutex<State>>,
    work: Arc<Mutex<Work>>,
    ready: IntGauge,
    stalled: IntGauge,
}

/// For how long there has been work of which none was done.
#[derive(Debug)]
struct Work {
    /// Up to `since`.
    waited: Duration,
    /// Since when work waits now; `None` while there is none, or none can be done for a reason that
    /// is not this worker's: no broker, no partition.
    since: Option<Instant>,
    /// Whether what is in the stages may have been there before, and come to nothing.
    is_repeated: bool,
    limit: Duration,
}

impl Work {
    fn waits(&self) -> Duration {
        let now = self.since.map(|since| since.elapsed());
        self.waited + now.unwrap_or_default()
    }

    fn begin_anew(&mut self) {
        self.waited = Duration::ZERO;
        self.since = self.since.map(|_| Instant::now());
    }
}

#[derive(Debug)]
enum State {
    Ready,
    NotReady(String),
    /// For good.
    Draining,
}

impl Health {
    /// The health of a worker that is starting.
    pub fn new(metrics: &Metrics) -> Self {
        let state = Arc::new(Mutex::new(State::NotReady("starting".to_owned())));
        let work = Work {
            waited: Duration::ZERO,
            since: None,
            is_repeated: false,
            limit: Duration::MAX,
        };
        Self {
            state,
            work: Arc::new(Mutex::new(work)),
            ready: metrics.ready.clone(),
            stalled: metrics.stalled.clone(),
        }
    }

    /// Why the worker is not alive: it has work, and got none of it done for the time of the
    /// setting `limits.stall_timeout_ms`. To start it anew may help then, and nothing else. A
    /// worker that waits for records or a broker is alive.
    pub fn stalled(&self) -> Option<String> {
        let work = self.lock_work();
        let waits = work.since.map(|_| work.waits());
        let stalled = waits.filter(|waits| *waits >= work.limit);
        self.stalled.set(i64::from(stalled.is_some()));
        stalled.map(|waits| format!("work waits, none was done for {} s", waits.as_secs()))
    }

    /// Sets the time after which [`Health::stalled`] says so.
    pub(crate) fn limit_stalls(&self, limit: Duration) {
        self.lock_work().limit = limit;
    }

    /// Says that there is work, new or not.
    pub(crate) fn busy(&self) {
        self.lock_work().since.get_or_insert_with(Instant::now);
    }

    /// Says that some work was done for good. There may be more.
    pub(crate) fn advance(&self) {
        let mut work = self.lock_work();
        work.is_repeated = false;
        work.begin_anew();
    }

    /// Says that work has come from one stage to the next, which is progress the first time alone.
    pub(crate) fn step(&self) {
        let mut work = self.lock_work();
        if !work.is_repeated {
            work.begin_anew();
        }
    }

    /// Says that work was given up, to be done again.
    pub(crate) fn repeat(&self) {
        self.lock_work().is_repeated = true;
    }

    /// Says that work cannot be done now, for a reason that is not this worker's. How long it has
    /// waited before is not forgotten.
    pub(crate) fn hold(&self) {
        let mut work = self.lock_work();
        work.waited = work.waits();
        work.since = None;
    }

    /// Says that there is no work.
    pub(crate) fn idle(&self) {
        let mut work = self.lock_work();
        work.is_repeated = false;
        work.since = None;
        work.begin_anew();
    }

    /// Why the worker is not ready: `starting`, `draining`, an unreachable broker, a missing topic.
    pub fn not_ready(&self) -> Option<String> {
        match &*self.lock() {
            State::Ready => None,
            State::NotReady(why) => Some(why.clone()),
            State::Draining => Some("draining".to_owned()),
        }
    }

    /// Says that partitions are assigned and transactions can begin.
    pub(crate) fn set_ready(&self) {
        let mut state = self.lock();
        if matches!(*state, State::NotReady(_)) {
            *state = State::Ready;
            self.ready.set(1);
            info!("ready");
        }
    }

    /// Says why no record is being worked on; whether that is news.
    pub(crate) fn set_not_ready(&self, why: impl Into<String>) -> bool {
        let (mut state, why) = (self.lock(), why.into());
        let is_news = match &*state {
            State::Ready => true,
            State::NotReady(before) => *before != why,
            State::Draining => false,
        };
        if is_news {
            *state = State::NotReady(why);
            self.ready.set(0);
        }
        is_news
    }

    /// Says that the worker is stopping, which is the last that it says.
    pub(crate) fn drain(&self) {
        *self.lock() = State::Draining;
        self.ready.set(0);
    }

    fn lock_work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let metrics = Metrics::new("test");
        let health = Health::new(&metrics);

        assert!(!health.set_not_ready("starting"));
        assert!(health.set_not_ready("topic a is missing"));
        assert!(!health.set_not_ready("topic a is missing"));
        health.set_ready();

        assert_eq!((health.not_ready(), metrics.ready.get()), (None, 1));
    }

    #[test]
    fn work_that_waits_too_long_is_a_stall() {
        let metrics = Metrics::new("test");
        let health = Health::new(&metrics);
        health.limit_stalls(Duration::ZERO);

        health.busy();

        assert!(
            health
                .stalled()
                .is_some_and(|why| why.contains("work waits"))
        );
        assert_eq!(metrics.stalled.get(), 1);
    }

    #[test]
    fn without_work_there_is_no_stall() {
        let metrics = Metrics::new("test");
        let health = Health::new(&metrics);
        health.limit_stalls(Duration::ZERO);

        assert_eq!(health.stalled(), None);
        health.advance();
        assert_eq!(health.stalled(), None);
        health.busy();
        health.idle();

        assert_eq!((health.stalled(), metrics.stalled.get()), (None, 0));
    }

    #[test]
    fn work_that_is_done_makes_up_for_the_wait() {
        let health = waiting();

        health.busy();
        assert!(health.lock_work().waits() >= HOUR);
        health.advance();

        assert!(health.lock_work().waits() < HOUR);
    }

    #[test]
    fn step_is_progress_the_first_time_alone() {
        let health = waiting();
        let waits = || health.lock_work().waits();

        health.repeat();
        health.step();
        assert!(waits() >= HOUR);
        health.advance();
        health.lock_work().waited = HOUR;
        health.step();

        assert!(waits() < HOUR);
    }

    #[test]
    fn wait_for_others_neither_counts_nor_makes_up_for_what_was_before() {
        let health = waiting();
        health.limit_stalls(HOUR);

        health.hold();
        assert_eq!(health.stalled(), None);
        health.busy();
        assert!(health.stalled().is_some());
        health.idle();
        health.busy();

        assert_eq!(health.stalled(), None);
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// Of a worker that has had work for an hour.
    fn waiting() -> Health {
        let health = Health::new(&Metrics::new("test"));
        health.busy();
        health.lock_work().waited = HOUR;
        health
    }

    #[test]
    fn draining_is_the_last_word() {
        let metrics = Metrics::new("test");
        let health = Health::new(&metrics);

        health.drain();
        health.set_ready();

        assert!(!health.set_not_ready("other"));
        assert_eq!(health.not_ready().as_deref(), Some("draining"));
        assert_eq!(metrics.ready.get(), 0);
    }
}
