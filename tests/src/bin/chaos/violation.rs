//! The ways in which the promise can be broken.

use std::fmt;

/// In which way the promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breach {
    /// An article led to nothing.
    Lost,
    /// An article led to more than one record.
    Doubled,
    /// Two records of one partition, and so perhaps of one key, changed places.
    OutOfOrder,
    /// A record is not what the article leads to.
    Altered,
    /// A good article among the dead letters, or poison among the enriched ones.
    Misplaced,
    /// A record that no article leads to.
    Unknown,
    /// A record is seen that belongs to no committed transaction.
    Dirty,
    /// A record of a committed transaction is not seen.
    Hidden,
    /// The committed offset is not the end of the partition.
    Offset,
    /// The committed offset has gone back.
    Backwards,
    /// The broker lost what it had acknowledged: not the workers' fault.
    Broker,
    /// Not all was done in time, though nothing was wrong any more.
    Stuck,
    /// A worker ended by itself.
    Ended,
    /// A worker took itself for fenced, and no other one had its identity.
    Fenced,
}

/// A broken promise, and where.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) breach: Breach,
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) fn new(breach: Breach, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { breach, detail }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.breach, self.detail)
    }
}
