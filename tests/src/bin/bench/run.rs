//! What a measurement gives.

use std::time::Duration;

use serde::Serialize;

/// One pass over some articles. Starting is not part of it, but for `start_seconds`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Run {
    /// Start of the processes to the first answer.
    pub(crate) start_seconds: f64,
    /// First article in to last answer out.
    pub(crate) seconds: f64,
    pub(crate) articles: usize,
    pub(crate) words: usize,
    /// Tokens that the encoder read, where that is known.
    pub(crate) tokens: Option<f64>,
    /// Processor time of the processes in these seconds.
    pub(crate) cpu_seconds: f64,
    /// Their largest resident memory so far.
    pub(crate) peak_mib: f64,
}

impl Run {
    pub(crate) fn words_rate(&self) -> f64 {
        self.words as f64 / self.seconds
    }

    pub(crate) fn articles_rate(&self) -> f64 {
        self.articles as f64 / self.seconds
    }

    pub(crate) fn tokens_rate(&self) -> Option<f64> {
        Some(self.tokens? / self.seconds)
    }

    pub(crate) fn cpu_per_thousand(&self) -> f64 {
        1_000.0 * self.cpu_seconds / self.articles as f64
    }
}

/// How long articles took from sent to visible, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) articles: usize,
    /// Articles a second; 0 where each waited for the one before.
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Latency {
    /// Percentiles by nearest rank; there must be a value.
    pub(crate) fn of(waits: &[Duration], rate: f64) -> Self {
        let mut sorted: Vec<f64> = waits.iter().map(|wait| 1e3 * wait.as_secs_f64()).collect();
        sorted.sort_by(f64::total_cmp);
        let percentile = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted[rank.max(1) - 1]
        };
        Self {
            articles: sorted.len(),
            rate,
            p50: percentile(50),
            p99: percentile(99),
            max: percentile(100),
        }
    }
}

/// Repeated figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of these figures; `None` where there is none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            min: *sorted.first()?,
            median: (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0,
            max: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let waits: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();

        let latency = Latency::of(&waits, 0.0);

        assert_eq!(
            (latency.p50, latency.p99, latency.max),
            (100.0, 198.0, 200.0)
        );
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        let spread = Spread::of([4.0, 1.0]).unwrap();

        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.5, 4.0));
        assert!(Spread::of([]).is_none());
    }
}
