//! A request to stop, shared by everything that lives long.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A request to stop: cheap to clone, seen by all clones, never taken back.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// When it was requested.
    shared: Arc<(Mutex<Option<Instant>>, Condvar)>,
}

impl Shutdown {
    /// A handle on which nobody has asked to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop, and wakes everyone who waits.
    pub fn request(&self) {
        self.lock().get_or_insert_with(Instant::now);
        self.shared.1.notify_all();
    }

    /// Whether somebody has asked to stop.
    pub fn is_requested(&self) -> bool {
        self.lock().is_some()
    }

    /// Waits for a request, at most `timeout`; whether there is one.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let wake = &self.shared.1;
        let waited = wake.wait_timeout_while(self.lock(), timeout, |since| since.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }

    /// What is left of `allowance` since the request; `None` before it.
    pub(crate) fn time_left(&self, allowance: Duration) -> Option<Duration> {
        let since = (*self.lock())?;
        Some(allowance.saturating_sub(since.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ends_a_wait_at_once() {
        let shutdown = Shutdown::new();
        let waiter = shutdown.clone();
        let waiting = std::thread::spawn(move || waiter.wait_timeout(Duration::from_secs(60)));

        shutdown.request();

        assert!(waiting.join().unwrap());
        assert!(shutdown.is_requested());
    }

    #[test]
    fn wait_without_a_request_ends_too() {
        assert!(!Shutdown::new().wait_timeout(Duration::from_millis(1)));
    }
}
