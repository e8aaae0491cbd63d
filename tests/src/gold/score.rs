//! Precision, recall and F1 by label, with intervals.

use std::collections::BTreeSet;

use crate::gold::document::Span;

/// Resamples that an interval rests on.
const RESAMPLES: usize = 1_000;

/// What was right and what was wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Found, and right.
    pub right: usize,
    /// Found where there is nothing of the kind.
    pub wrong: usize,
    /// Not found.
    pub missed: usize,
}

impl Counts {
    /// The share of what was found that is right.
    pub fn precision(self) -> f64 {
        ratio(self.right, self.right + self.wrong)
    }

    /// The share of what there was to find that was found.
    pub fn recall(self) -> f64 {
        ratio(self.right, self.support())
    }

    /// The harmonic mean of both.
    pub fn f1(self) -> f64 {
        ratio(2 * self.right, 2 * self.right + self.wrong + self.missed)
    }

    /// How many there were to find.
    pub fn support(self) -> usize {
        self.right + self.missed
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }
}

/// A share; 0 of nothing.
pub fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Counts by label, a document at a time.
#[derive(Debug, Default)]
pub struct Score {
    labels: Vec<String>,
    documents: Vec<Vec<Counts>>,
}

impl Score {
    /// Adds a document: what should have been found in it, and what was, by label.
    pub fn add<T: Ord>(
        &mut self,
        gold: &BTreeSet<T>,
        found: &BTreeSet<T>,
        label: impl Fn(&T) -> &str,
    ) {
        let mut counts = vec![Counts::default(); self.labels.len()];
        for thing in gold.union(found) {
            let place = self.place(label(thing));
            counts.resize(self.labels.len(), Counts::default());
            match (gold.contains(thing), found.contains(thing)) {
                (true, true) => counts[place].right += 1,
                (false, _) => counts[place].wrong += 1,
                (true, false) => counts[place].missed += 1,
            }
        }
        self.documents.push(counts);
    }

    /// Adds a document with spans.
    pub fn add_spans(&mut self, gold: &BTreeSet<Span>, found: &BTreeSet<Span>) {
        self.add(gold, found, |span| &span.label);
    }

    /// The labels that the gold has, by name.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let all = self.counts(&self.all());
        let mut labels: Vec<&str> = (self.labels.iter().zip(all))
            .filter(|(_, counts)| counts.support() > 0)
            .map(|(label, _)| label.as_str())
            .collect();
        labels.sort_unstable();
        labels.into_iter()
    }

    /// Counts of some labels together.
    pub fn micro(&self, wanted: impl Fn(&str) -> bool) -> Counts {
        self.micro_of(&self.all(), &wanted)
    }

    /// F1 of some labels together, and its interval.
    pub fn micro_f1(&self, wanted: impl Fn(&str) -> bool) -> Estimate {
        estimate(self.documents.len(), |sample| {
            self.micro_of(sample, &wanted).f1()
        })
    }

    /// The mean F1 of the labels that the gold has, and its interval.
    pub fn macro_f1(&self) -> Estimate {
        let present: Vec<bool> = (self.counts(&self.all()).iter())
            .map(|counts| counts.support() > 0)
            .collect();
        let count = present.iter().filter(|present| **present).count();
        estimate(self.documents.len(), |sample| {
            let counts = self.counts(sample).into_iter().zip(&present);
            let kept = counts.filter(|(_, present)| **present);
            kept.map(|(counts, _)| counts.f1()).sum::<f64>() / count as f64
        })
    }

    fn place(&mut self, label: &str) -> usize {
        if let Some(place) = self.labels.iter().position(|known| known == label) {
            return place;
        }
        self.labels.push(label.to_owned());
        self.labels.len() - 1
    }

    fn all(&self) -> Vec<usize> {
        (0..self.documents.len()).collect()
    }

    fn counts(&self, sample: &[usize]) -> Vec<Counts> {
        let mut sums = vec![Counts::default(); self.labels.len()];
        for &document in sample {
            for (sum, counts) in sums.iter_mut().zip(&self.documents[document]) {
                *sum += *counts;
            }
        }
        sums
    }

    fn micro_of(&self, sample: &[usize], wanted: &impl Fn(&str) -> bool) -> Counts {
        let mut sum = Counts::default();
        for (label, counts) in self.labels.iter().zip(self.counts(sample)) {
            if wanted(label) {
                sum += counts;
            }
        }
        sum
    }
}

/// A figure with the interval that holds it 95 times in 100.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Estimates a statistic of `count` documents by the bootstrap's percentiles (Efron 1979): the
/// documents are drawn with replacement, since what one article says is not independent.
pub fn estimate(count: usize, statistic: impl Fn(&[usize]) -> f64) -> Estimate {
    let all: Vec<usize> = (0..count).collect();
    let value = statistic(&all);
    let mut random = fastrand::Rng::with_seed(22);
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let sample: Vec<usize> = all.iter().map(|_| random.usize(0..count)).collect();
            statistic(&sample)
        })
        .collect();
    resampled.sort_unstable_by(f64::total_cmp);
    Estimate {
        value,
        low: resampled[RESAMPLES * 25 / 1_000],
        high: resampled[RESAMPLES * 975 / 1_000],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_by_label() {
        let mut score = Score::default();
        let gold = BTreeSet::from([("LOC", 1), ("LOC", 2), ("ORG", 3)]);
        let found = BTreeSet::from([("LOC", 1), ("ORG", 4)]);

        score.add(&gold, &found, |(label, _)| label);

        let all = score.micro(|_| true);
        assert_eq!((all.right, all.wrong, all.missed), (1, 1, 2));
        assert!((score.macro_f1().value - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn an_interval_is_wide_where_documents_differ() {
        let mut score = Score::default();
        for document in 0..50 {
            let gold = BTreeSet::from([("LOC", document)]);
            let found = gold.iter().filter(|_| document % 2 == 0).copied().collect();
            score.add(&gold, &found, |(label, _)| label);
        }

        let f1 = score.micro_f1(|_| true);

        assert!((f1.value - 2.0 / 3.0).abs() < 1e-9);
        assert!(f1.low < 0.58 && f1.high > 0.72, "{f1:?}");
    }
}
