//! What is there when all is over, as the topics and the broker's log have it.

use std::collections::BTreeMap;

use copydesk_tests::Record;

use crate::group::Offsets;
use crate::log::Fate;

/// Partition and offset in a topic.
pub(crate) type Place = (i32, i64);

/// What is there when all is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The input topic.
    pub(crate) input: Vec<Record>,
    /// What the broker has acknowledged of it.
    pub(crate) acknowledged: Vec<(u64, Place)>,
    pub(crate) enriched: Output,
    pub(crate) dead_letters: Output,
    /// What the group had committed, at one time after another.
    pub(crate) progress: Vec<Offsets>,
    /// What it has committed in the end.
    pub(crate) committed: Offsets,
}

/// An output topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// As a reader with `read_committed` sees it.
    pub(crate) committed: Vec<Record>,
    /// What became of each record, as the log has it.
    pub(crate) fates: BTreeMap<Place, Fate>,
}

impl Output {
    /// How many of its records belong to aborted transactions.
    pub(crate) fn aborted(&self) -> usize {
        let fates = self.fates.values();
        fates.filter(|&&fate| fate == Fate::Aborted).count()
    }
}
