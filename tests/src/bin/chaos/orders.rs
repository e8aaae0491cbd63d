//! What a worker process is told, as JSON in its one argument.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fuse::Fuse;
use crate::planted::Plant;

/// A worker not heard of for this long loses its partitions.
pub(crate) const SESSION: Duration = Duration::from_secs(2);
/// A worker that takes longer for a batch loses its partitions.
pub(crate) const MAX_POLL_INTERVAL: Duration = Duration::from_secs(4);
/// The broker aborts a transaction that is open for longer.
pub(crate) const TRANSACTION: Duration = Duration::from_secs(6);

/// What a worker process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// The way to the broker, through the proxy.
    pub(crate) brokers: String,
    pub(crate) group: String,
    /// Its name, from which its transactional id is made.
    pub(crate) instance: String,
    /// How the group shares partitions.
    pub(crate) assignment: String,
    /// Whether the name is also that of a static member of the group.
    pub(crate) is_static: bool,
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) dead_letters: String,
    pub(crate) fuse: Option<Fuse>,
    /// The wrong worker to be in place of the right one.
    pub(crate) plant: Option<Plant>,
}

impl Orders {
    pub(crate) fn transactional_id(&self) -> String {
        format!("{}.{}", self.group, self.instance)
    }
}
