//! A new pipeline for a worker that runs.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::Pipeline;

/// Puts a new pipeline in the place of a worker's own. All clones lead to the same worker.
pub struct Successor<D>(SyncSender<Pipeline<D>>);

/// Where the worker looks for it.
pub(crate) struct Succession<D> {
    next: Receiver<Pipeline<D>>,
    successor: Successor<D>,
}

/// The worker has ended, and takes no pipeline any more.
#[derive(Debug, thiserror::Error)]
#[error("the worker has ended")]
pub struct Ended;

impl<D> Successor<D> {
    /// Hands a pipeline over, and returns once the worker goes on with it: between two batches,
    /// and not while it has no broker. The old one is dropped then.
    pub fn replace(&self, pipeline: Pipeline<D>) -> Result<(), Ended> {
        self.0.send(pipeline).map_err(|_| Ended)
    }
}

impl<D> Clone for Successor<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D> Succession<D> {
    pub(crate) fn new() -> Self {
        // Without room: what is sent is held by the sender until the worker takes it.
        let (sender, next) = sync_channel(0);
        let successor = Successor(sender);
        Self { next, successor }
    }

    pub(crate) fn successor(&self) -> Successor<D> {
        self.successor.clone()
    }

    /// The pipeline that somebody wants to hand over, if there is one.
    pub(crate) fn take(&self) -> Option<Pipeline<D>> {
        self.next.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipeline_is_held_by_who_hands_it_over_until_it_is_taken() {
        let succession: Succession<()> = Succession::new();
        let successor = succession.successor();
        assert!(succession.take().is_none());

        let waiting = std::thread::spawn(move || successor.replace(Pipeline::new(Vec::new())));
        let taken = std::iter::repeat_with(|| succession.take())
            .flatten()
            .next();

        assert!(taken.is_some());
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn worker_that_has_ended_takes_none() {
        let succession: Succession<()> = Succession::new();
        let successor = succession.successor();

        drop(succession);

        assert!(successor.replace(Pipeline::new(Vec::new())).is_err());
    }
}
