//! Whether a score of 0.8 is right 8 times in 10.

use std::fmt;

use serde::Serialize;

const BINS: usize = 10;

/// Scores in tenths, and how many of each were right.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Reliability {
    bins: [Bin; BINS],
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Bin {
    count: usize,
    right: usize,
    scores: f64,
}

impl Reliability {
    /// Adds a score, and whether it was right.
    pub(crate) fn add(&mut self, score: f32, right: bool) {
        let bin = &mut self.bins[((score * BINS as f32) as usize).min(BINS - 1)];
        bin.count += 1;
        bin.right += usize::from(right);
        bin.scores += f64::from(score);
    }

    /// Expected calibration error (Guo et al. 2017): the mean distance between score and share of
    /// right ones, each bin by its size.
    pub(crate) fn error(&self) -> f64 {
        let total: usize = self.bins.iter().map(|bin| bin.count).sum();
        let gaps = self
            .bins
            .iter()
            .map(|bin| (bin.scores - bin.right as f64).abs());
        gaps.sum::<f64>() / total.max(1) as f64
    }
}

impl fmt::Display for Reliability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bin in self.bins.iter().filter(|bin| bin.count > 0) {
            let count = bin.count as f64;
            let (score, right) = (bin.scores / count, bin.right as f64 / count);
            write!(out, "{score:.2}→{right:.2} ({}) ", bin.count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_the_distance_of_score_and_share() {
        let mut reliability = Reliability::default();

        for right in [true, true, false, false] {
            reliability.add(0.9, right);
        }

        assert!((reliability.error() - 0.4).abs() < 1e-6);
    }
}
