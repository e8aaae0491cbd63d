//! Sets of offsets, small where offsets follow each other.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A set of offsets, kept as runs. Its text form is what a mark holds: `3-7 9 12-40`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets(BTreeMap<i64, i64>);

/// Text that is no set of offsets.
#[derive(Debug, thiserror::Error)]
#[error("not a set of offsets such as `3-7 9`")]
pub(crate) struct NotOffsets;

impl Offsets {
    /// Whether an offset is in the set.
    pub(crate) fn contains(&self, kafka_offset: i64) -> bool {
        let before = self.0.range(..=kafka_offset).next_back();
        before.is_some_and(|(_, &last)| kafka_offset <= last)
    }

    /// Adds one offset.
    pub(crate) fn insert(&mut self, kafka_offset: i64) {
        self.insert_run(kafka_offset, kafka_offset);
    }

    /// Adds all of another set.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (&first, &last) in &other.0 {
            self.insert_run(first, last);
        }
    }

    fn insert_run(&mut self, mut first: i64, mut last: i64) {
        // The runs that it overlaps or touches become part of it: the last of them first.
        while let Some((&other, &end)) = self.0.range(..=last.saturating_add(1)).next_back() {
            if end < first.saturating_sub(1) {
                break;
            }
            self.0.remove(&other);
            first = first.min(other);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            match first == last {
                true => write!(f, "{space}{first}")?,
                false => write!(f, "{space}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Offsets {
    type Err = NotOffsets;

    fn from_str(text: &str) -> Result<Self, NotOffsets> {
        let mut offsets = Self::default();
        for run in text.split_ascii_whitespace() {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            match (first.parse(), last.parse()) {
                (Ok(first), Ok(last)) if 0 <= first && first <= last => {
                    offsets.insert_run(first, last);
                }
                _ => return Err(NotOffsets),
            }
        }
        Ok(offsets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(text: &str) -> Offsets {
        text.parse().unwrap()
    }

    #[test]
    fn neighbours_become_a_run() {
        let mut set = Offsets::default();

        for kafka_offset in [5, 3, 9, 4, 7, 3] {
            set.insert(kafka_offset);
        }

        assert_eq!(set.to_string(), "3-5 7 9");
    }

    #[test]
    fn runs_that_overlap_are_joined() {
        assert_eq!(offsets("1-3 10-12 20 2-11").to_string(), "1-12 20");
        assert_eq!(offsets("5 0-9223372036854775807 7").0.len(), 1);
    }

    #[test]
    fn only_what_was_added_is_contained() {
        let mut set = offsets("3-5");
        set.extend(&offsets("9"));

        let contained: Vec<_> = (0..12).filter(|&i| set.contains(i)).collect();

        assert_eq!(contained, [3, 4, 5, 9]);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["x", "3-", "-3", "5-4", "1,2", "99999999999999999999"] {
            assert!(text.parse::<Offsets>().is_err(), "{text}");
        }
        assert_eq!(offsets("").to_string(), "");
    }
}
