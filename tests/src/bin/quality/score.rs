//! Precision, recall and F1 by label.

use std::collections::{BTreeMap, BTreeSet};

/// What was right and what was wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    pub(crate) missed: usize,
}

impl Counts {
    pub(crate) fn precision(self) -> f64 {
        ratio(self.right, self.right + self.wrong)
    }

    pub(crate) fn recall(self) -> f64 {
        ratio(self.right, self.right + self.missed)
    }

    pub(crate) fn f1(self) -> f64 {
        ratio(2 * self.right, 2 * self.right + self.wrong + self.missed)
    }
}

/// A share; 0 of nothing.
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Counts by label.
#[derive(Debug, Default)]
pub(crate) struct Score {
    labels: BTreeMap<String, Counts>,
}

impl Score {
    /// Compares two sets of the same kind of thing, of which `label` gives the label.
    pub(crate) fn add<T: Ord>(
        &mut self,
        gold: &BTreeSet<T>,
        found: &BTreeSet<T>,
        label: impl Fn(&T) -> &str,
    ) {
        for thing in gold.union(found) {
            let counts = self.labels.entry(label(thing).to_owned()).or_default();
            match (gold.contains(thing), found.contains(thing)) {
                (true, true) => counts.right += 1,
                (false, _) => counts.wrong += 1,
                (true, false) => counts.missed += 1,
            }
        }
    }

    /// Counts of each label.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.labels
            .iter()
            .map(|(label, counts)| (label.as_str(), *counts))
    }

    /// Counts of some labels together.
    pub(crate) fn micro(&self, wanted: impl Fn(&str) -> bool) -> Counts {
        self.labels()
            .filter(|(label, _)| wanted(label))
            .fold(Counts::default(), |sum, (_, one)| Counts {
                right: sum.right + one.right,
                wrong: sum.wrong + one.wrong,
                missed: sum.missed + one.missed,
            })
    }

    /// The mean of the labels' F1.
    pub(crate) fn macro_f1(&self) -> f64 {
        self.labels().map(|(_, counts)| counts.f1()).sum::<f64>() / self.labels.len() as f64
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
        assert!((score.macro_f1() - 1.0 / 3.0).abs() < 1e-9);
    }
}
