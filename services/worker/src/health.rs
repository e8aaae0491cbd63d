//! What the admin port says about the worker's state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::IntGauge;
use tracing::info;

use crate::Metrics;

/// Whether the worker is at work, and if not, why not. Cheap to clone; all clones agree.
#[derive(Clone, Debug)]
pub struct Health {
    state: Arc<Mutex<State>>,
    ready: IntGauge,
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
        Self {
            state,
            ready: metrics.ready.clone(),
        }
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
