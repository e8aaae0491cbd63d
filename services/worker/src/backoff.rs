//! Waits between retries.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::config::Retry;

/// Waits that double up to a limit, each shortened at random by up to a half, so that workers which
/// failed together do not retry together.
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(retry: &Retry) -> Self {
        let first = Duration::from_millis(retry.initial_ms);
        Self {
            first,
            longest: Duration::from_millis(retry.max_ms),
            next: first,
        }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next.min(self.longest);
        self.next = wait * 2;
        wait.mul_f64(1.0 - random() / 2.0)
    }

    /// Starts over with the first wait.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A number from 0 to 1, from the seed that the standard library gives each hash map.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    bits as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new(&Retry {
            initial_ms: 100,
            max_ms: 300,
            max_attempts: 0,
        });
        let within =
            |wait: Duration, full_ms: u128| (full_ms / 2..=full_ms).contains(&wait.as_millis());

        assert!(within(backoff.next(), 100));
        assert!(within(backoff.next(), 200));
        assert!(within(backoff.next(), 300));
        assert!(within(backoff.next(), 300));
        backoff.reset();
        assert!(within(backoff.next(), 100));
    }
}
