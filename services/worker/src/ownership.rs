//! Which partitions are this worker's, and the proof of it that goes with their offsets.
//!
//! Exactly-once holds across rebalances because of one rule: the group metadata (member and
//! generation) is taken in the same callback that changes the set of partitions, and a transaction
//! takes both under one lock. The broker accepts offsets only with the group's present generation,
//! and in that generation these partitions are ours; whoever has lost them unawares is refused.
//! Metadata taken later, from the sink's thread, would prove too much: a consumer that was kicked
//! out and has joined again has a valid generation, for partitions that another worker has by now.
//!
//! Waiting for the open transaction before a partition is given up only saves work: the partition's
//! next owner reads committed offsets with `require_stable`, so it waits for that transaction too.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::consumer::ConsumerGroupMetadata;

use crate::record::Record;

/// The partitions of this worker. `Proof` is [`ConsumerGroupMetadata`], except in tests.
pub(crate) struct Ownership<Proof = ConsumerGroupMetadata> {
    state: Mutex<State<Proof>>,
    changed: Condvar,
}

struct State<Proof> {
    /// Epoch of each partition that is ours. A partition that goes and comes back has a new epoch:
    /// its records are then read again from the committed offset, and those read before are void.
    epochs: HashMap<i32, u64>,
    last_epoch: u64,
    proof: Option<Arc<Proof>>,
    /// Counts assignments.
    generation: u64,
    transaction_open: bool,
}

impl<Proof> Default for Ownership<Proof> {
    fn default() -> Self {
        let state = State {
            epochs: HashMap::new(),
            last_epoch: 0,
            proof: None,
            generation: 0,
            transaction_open: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl<Proof> Ownership<Proof> {
    /// Adds partitions; `proof` is of the generation that gives them to us, and covers those that
    /// were ours before as well. Called on the polling thread, as are `revoke` and `lose`.
    pub(crate) fn assign(&self, partitions: &[i32], proof: Option<Proof>) {
        let mut state = self.lock();
        state.last_epoch += 1;
        let epoch = state.last_epoch;
        state
            .epochs
            .extend(partitions.iter().map(|&partition| (partition, epoch)));
        state.proof = proof.map(Arc::new);
        state.generation += 1;
        self.changed.notify_all();
    }

    /// Gives partitions up, once the open transaction has ended or `patience` is over.
    pub(crate) fn revoke(&self, partitions: &[i32], patience: Duration) {
        self.wait_settled(patience)
            .epochs
            .retain(|partition, _| !partitions.contains(partition));
    }

    /// Notes that partitions have already been given to others, and the proof is void.
    pub(crate) fn lose(&self, partitions: &[i32]) {
        let mut state = self.lock();
        state
            .epochs
            .retain(|partition, _| !partitions.contains(partition));
        state.proof = None;
    }

    /// The epoch of a partition, where it is ours.
    pub(crate) fn epoch(&self, partition: i32) -> Option<u64> {
        self.lock().epochs.get(&partition).copied()
    }

    /// Whether a record read at some time is still ours to commit.
    pub(crate) fn owns(&self, record: &Record) -> bool {
        self.epoch(record.partition) == Some(record.epoch)
    }

    /// How many partitions are ours.
    pub(crate) fn count(&self) -> usize {
        self.lock().epochs.len()
    }

    /// Opens a transaction: what is ours now, with the proof; `None` where there is no proof.
    pub(crate) fn claim(&self) -> Option<Claim<'_, Proof>> {
        let mut state = self.lock();
        let proof = state.proof.clone()?;
        state.transaction_open = true;
        Some(Claim {
            ownership: self,
            epochs: state.epochs.clone(),
            generation: state.generation,
            proof,
        })
    }

    /// Waits for an assignment after `generation`, at most `timeout`; whether there is one.
    pub(crate) fn wait_newer(&self, generation: u64, timeout: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, timeout, |state| state.generation <= generation)
            .unwrap_or_else(PoisonError::into_inner);
        state.generation > generation
    }

    fn wait_settled(&self, patience: Duration) -> MutexGuard<'_, State<Proof>> {
        self.changed
            .wait_timeout_while(self.lock(), patience, |state| state.transaction_open)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn lock(&self) -> MutexGuard<'_, State<Proof>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was ours when a transaction was opened; the transaction is over when this is dropped.
pub(crate) struct Claim<'o, Proof = ConsumerGroupMetadata> {
    ownership: &'o Ownership<Proof>,
    epochs: HashMap<i32, u64>,
    pub(crate) generation: u64,
    pub(crate) proof: Arc<Proof>,
}

impl<Proof> Claim<'_, Proof> {
    /// Whether the claim covers a record.
    pub(crate) fn covers(&self, record: &Record) -> bool {
        self.epochs.get(&record.partition) == Some(&record.epoch)
    }
}

impl<Proof> Drop for Claim<'_, Proof> {
    fn drop(&mut self) {
        self.ownership.lock().transaction_open = false;
        self.ownership.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn record(ownership: &Ownership<&'static str>, partition: i32) -> Record {
        let epoch = ownership.epoch(partition).unwrap();
        Record {
            partition,
            epoch,
            ..Record::sample(b"")
        }
    }

    #[test]
    fn records_of_a_revoked_partition_are_void() {
        let ownership = Ownership::default();
        ownership.assign(&[1, 2], Some("first"));
        let (gone, kept) = (record(&ownership, 1), record(&ownership, 2));

        ownership.revoke(&[1], LONG);

        assert!(!ownership.owns(&gone));
        assert!(ownership.owns(&kept));
        assert_eq!(ownership.count(), 1);
    }

    #[test]
    fn records_read_before_a_partition_came_back_are_void() {
        let ownership = Ownership::default();
        ownership.assign(&[1], Some("first"));
        let before = record(&ownership, 1);

        ownership.revoke(&[1], LONG);
        ownership.assign(&[1], Some("second"));

        assert!(!ownership.owns(&before));
        assert!(ownership.owns(&record(&ownership, 1)));
    }

    #[test]
    fn partition_kept_through_a_rebalance_has_the_new_proof() {
        let ownership = Ownership::default();
        ownership.assign(&[1], Some("first"));
        let held = record(&ownership, 1);

        ownership.assign(&[], Some("second"));

        let claim = ownership.claim().unwrap();
        assert!(claim.covers(&held));
        assert_eq!((*claim.proof, claim.generation), ("second", 2));
    }

    #[test]
    fn lost_partitions_leave_nothing_to_claim() {
        let ownership = Ownership::default();
        ownership.assign(&[1], Some("first"));

        ownership.lose(&[1]);

        assert!(ownership.claim().is_none());
    }

    #[test]
    fn revoke_waits_for_the_open_transaction() {
        let ownership = Ownership::default();
        ownership.assign(&[1], Some("first"));
        let claim = ownership.claim().unwrap();

        let waited = std::thread::scope(|scope| {
            let revoke = scope.spawn(|| {
                let start = Instant::now();
                ownership.revoke(&[1], LONG);
                start.elapsed()
            });
            assert_eq!(ownership.count(), 1);
            drop(claim);
            revoke.join().unwrap()
        });

        assert!(waited < LONG);
        assert_eq!(ownership.count(), 0);
    }

    #[test]
    fn revoke_does_not_wait_for_ever() {
        let ownership = Ownership::default();
        ownership.assign(&[1], Some("first"));
        let _open = ownership.claim().unwrap();

        ownership.revoke(&[1], Duration::from_millis(1));

        assert_eq!(ownership.count(), 0);
    }

    #[test]
    fn waiting_for_a_newer_generation_ends_with_it() {
        let ownership = Ownership::<&str>::default();
        assert!(!ownership.wait_newer(0, Duration::from_millis(1)));

        ownership.assign(&[], None);

        assert!(ownership.wait_newer(0, LONG));
    }
}
