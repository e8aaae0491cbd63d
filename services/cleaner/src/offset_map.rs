//! Positions in clean text back to positions in the raw body.

use std::ops::Range;

/// Maps code points of a clean text to the code points of the raw body that they came from.
///
/// It is a list of runs, sorted and apart on both sides, so its size grows with the edits and not
/// with the text, and a look-up is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMap {
    runs: Vec<Run>,
}

/// Neighbouring clean code points that came from neighbouring raw ones.
///
/// Where both lengths are equal each code point came from the one at its own place; otherwise the
/// run is one unit (`&` from `&amp;`) that has no inner places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    clean_start: usize,
    clean_len: usize,
    raw_start: usize,
    raw_len: usize,
}

impl Run {
    fn clean_end(self) -> usize {
        self.clean_start + self.clean_len
    }

    fn raw_end(self) -> usize {
        self.raw_start + self.raw_len
    }

    fn is_identity(self) -> bool {
        self.clean_len == self.raw_len
    }

    /// The raw place before the clean code point `at`, where the run has one there.
    fn raw_at(self, at: usize) -> Option<usize> {
        if at == self.clean_end() {
            return Some(self.raw_end());
        }
        (self.is_identity() || at == self.clean_start)
            .then(|| self.raw_start + (at - self.clean_start))
    }
}

impl OffsetMap {
    /// The map of a text that is its own raw body, `len` code points long.
    pub fn identity(len: usize) -> Self {
        let mut map = Self::default();
        map.push(0, len, 0, len);
        map
    }

    /// The raw code points of the clean code points `clean`, or `None` where they have no single
    /// place: the range is empty or out of bounds, something was dropped inside it, or the place is
    /// not certain.
    pub fn raw_range(&self, clean: Range<usize>) -> Option<Range<usize>> {
        if clean.is_empty() {
            return None;
        }
        let first = self.index_of(clean.start)?;
        let raw_start = self.runs[first].raw_at(clean.start)?;
        for pair in self.runs[first..].windows(2) {
            if clean.end <= pair[0].clean_end() {
                break;
            }
            let adjacent = pair[0].clean_end() == pair[1].clean_start
                && pair[0].raw_end() == pair[1].raw_start;
            if !adjacent {
                return None;
            }
        }
        let last = self.index_of(clean.end - 1)?;
        Some(raw_start..self.runs[last].raw_at(clean.end)?)
    }

    /// Adds that the next clean code points, from `clean_start`, came from `raw_len` raw ones.
    pub(crate) fn push(
        &mut self,
        clean_start: usize,
        clean_len: usize,
        raw_start: usize,
        raw_len: usize,
    ) {
        if clean_len == 0 {
            return;
        }
        let run = Run {
            clean_start,
            clean_len,
            raw_start,
            raw_len,
        };
        if let Some(last) = self.runs.last_mut() {
            let joins = last.is_identity()
                && run.is_identity()
                && last.clean_end() == clean_start
                && last.raw_end() == raw_start;
            if joins {
                last.clean_len += clean_len;
                last.raw_len += raw_len;
                return;
            }
        }
        self.runs.push(run);
    }

    /// The map from this one's clean text to what `inner` maps to; this one's raw side is
    /// `inner`'s clean side.
    pub(crate) fn through(&self, inner: &Self) -> Self {
        let mut map = Self::default();
        for run in &self.runs {
            if run.is_identity() {
                map.push_through(*run, inner);
            } else if let Some(raw) = inner.raw_range(run.raw_start..run.raw_end()) {
                // A unit made of units (`&amp;amp;`) was decoded twice: its place is not plain.
                if raw.len() == run.raw_len {
                    map.push(run.clean_start, run.clean_len, raw.start, raw.len());
                }
            }
        }
        map
    }

    /// Adds an identity run, cut where the runs of `inner` are.
    fn push_through(&mut self, run: Run, inner: &Self) {
        let first = inner
            .runs
            .partition_point(|piece| piece.clean_end() <= run.raw_start);
        for piece in &inner.runs[first..] {
            if piece.clean_start >= run.raw_end() {
                break;
            }
            let start = piece.clean_start.max(run.raw_start);
            let end = piece.clean_end().min(run.raw_end());
            let clean_start = run.clean_start + (start - run.raw_start);
            if piece.is_identity() {
                let raw_start = piece.raw_start + (start - piece.clean_start);
                self.push(clean_start, end - start, raw_start, end - start);
            } else if end - start == piece.clean_len {
                self.push(clean_start, piece.clean_len, piece.raw_start, piece.raw_len);
            }
        }
    }

    /// The run that holds the clean code point `at`.
    fn index_of(&self, at: usize) -> Option<usize> {
        let after = self.runs.partition_point(|run| run.clean_start <= at);
        let index = after.checked_sub(1)?;
        (at < self.runs[index].clean_end()).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Zoë 👩‍🚀 in Zürich` of the raw body `Zoë **👩‍🚀** in Zürich`.
    fn without_emphasis() -> OffsetMap {
        let mut map = OffsetMap::default();
        map.push(0, 4, 0, 4);
        map.push(4, 3, 6, 3);
        map.push(7, 10, 11, 10);
        map
    }

    #[test]
    fn a_span_inside_a_run_keeps_its_length() {
        let map = without_emphasis();

        assert_eq!(map.raw_range(0..3), Some(0..3));
        assert_eq!(map.raw_range(4..7), Some(6..9));
        assert_eq!(map.raw_range(11..17), Some(15..21));
    }

    #[test]
    fn a_span_over_a_gap_has_no_place() {
        let map = without_emphasis();

        assert_eq!(map.raw_range(3..5), None);
        assert_eq!(map.raw_range(0..17), None);
    }

    #[test]
    fn an_empty_or_outlying_span_has_no_place() {
        let map = without_emphasis();

        assert_eq!(map.raw_range(3..3), None);
        assert_eq!(map.raw_range(16..18), None);
        assert_eq!(OffsetMap::default().raw_range(0..1), None);
    }

    #[test]
    fn half_of_a_unit_has_no_place() {
        let mut map = OffsetMap::default();
        map.push(0, 2, 0, 21);

        assert_eq!(map.raw_range(0..1), None);
        assert_eq!(map.raw_range(1..2), None);
        assert_eq!(map.raw_range(0..2), Some(0..21));
    }

    #[test]
    fn neighbouring_runs_become_one() {
        let mut map = OffsetMap::identity(3);
        map.push(3, 4, 3, 4);

        assert_eq!(map, OffsetMap::identity(7));
    }
}
