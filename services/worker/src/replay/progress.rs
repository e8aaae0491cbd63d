//! How far a replay has come in each partition of the dead letters.

use std::collections::{HashMap, HashSet};

use super::DeadLetter;

/// How far each partition is done with, without a gap.
pub(super) struct Progress {
    /// With the batch at hand.
    pub(super) next: HashMap<i32, i64>,
    committed: HashMap<i32, i64>,
    /// Partitions with a letter that stays, which no offset may pass.
    stopped: HashSet<i32>,
}

impl Progress {
    /// Nothing is done but what was committed: the offset where each partition begins.
    pub(super) fn new(starts: impl Iterator<Item = (i32, i64)>) -> Self {
        let committed: HashMap<_, _> = starts.collect();
        Self {
            next: committed.clone(),
            committed,
            stopped: HashSet::new(),
        }
    }

    /// A letter is done, or nothing is to be waited for.
    pub(super) fn pass(&mut self, letter: &DeadLetter) {
        if !self.stopped.contains(&letter.partition()) {
            self.next
                .insert(letter.partition(), letter.kafka_offset() + 1);
        }
    }

    /// A letter stays.
    pub(super) fn stop(&mut self, letter: &DeadLetter) {
        self.stopped.insert(letter.partition());
    }

    /// What is done with the batch at hand is committed.
    pub(super) fn commit(&mut self) {
        self.committed.clone_from(&self.next);
    }

    /// Stays at what is committed, in all partitions: the batch at hand is not all sent.
    pub(super) fn hold(&mut self) {
        self.next.clone_from(&self.committed);
        self.stopped.extend(self.next.keys());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn letter(kafka_offset: i64) -> DeadLetter {
        DeadLetter(Record {
            kafka_offset,
            ..Record::sample(b"")
        })
    }

    #[test]
    fn no_offset_passes_a_letter_that_stays() {
        let mut progress = Progress::new([(3, 5)].into_iter());

        progress.pass(&letter(5));
        progress.stop(&letter(6));
        progress.pass(&letter(7));

        assert_eq!(progress.next, HashMap::from([(3, 6)]));
    }

    #[test]
    fn held_progress_is_what_was_committed() {
        let mut progress = Progress::new([(3, 5)].into_iter());
        progress.pass(&letter(5));
        progress.commit();

        progress.pass(&letter(6));
        progress.hold();
        progress.pass(&letter(7));

        assert_eq!(progress.next, HashMap::from([(3, 6)]));
    }
}
