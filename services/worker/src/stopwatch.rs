//! Time as the broker sees it.

use std::time::{Duration, Instant, SystemTime};

/// Measures by two clocks, and believes the one that says more: while a machine is suspended its
/// monotonic clock stands still, and the wall clock of the broker, as ours, goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    monotonic: Instant,
    wall: SystemTime,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// The time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        // An error is a wall clock that was set back.
        let wall = self.wall.elapsed().unwrap_or_default();
        self.monotonic.elapsed().max(wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn time_of_a_suspended_machine_counts() {
        let suspended = Stopwatch {
            monotonic: Instant::now(),
            wall: SystemTime::now() - HOUR,
        };

        assert!(suspended.elapsed() >= HOUR);
    }

    #[test]
    fn wall_clock_set_back_does_not_count() {
        let set_back = Stopwatch {
            monotonic: Instant::now(),
            wall: SystemTime::now() + HOUR,
        };

        assert!(set_back.elapsed() < HOUR);
    }
}
