//! What the model has found in windows: news is copied, and a window that was read gives the same
//! again.
//!
//! Findings are kept, not token vectors, which would take fifty times the memory.

use std::sync::Arc;

use copydesk_classifier::Pool;
use copydesk_encoder::Window;
use copydesk_ner::WindowTags;
use quick_cache::Weighter;
use quick_cache::unsync;

/// What the model finds in a window, wherever the window stands.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// The tags of its words, where they are asked for.
    pub(crate) tags: WindowTags,
    /// Its part in its article's mean.
    pub(crate) pool: Pool,
}

/// All that a finding depends on, but for the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    digest: [u8; 32],
    share: usize,
    is_tagged: bool,
}

impl Key {
    /// The key of a window of which `share` leading tokens enter the mean.
    pub(crate) fn new(window: &Window, share: usize, is_tagged: bool) -> Self {
        Self {
            digest: window.digest(),
            share,
            is_tagged,
        }
    }
}

/// Findings of one model, within a limit on their memory: those that come again stay.
pub(crate) struct Cache(unsync::Cache<Key, Arc<Finding>, Bytes>);

impl Cache {
    /// Makes one that takes so many bytes at most; with none it keeps nothing.
    pub(crate) fn new(max_bytes: usize) -> Self {
        let findings = max_bytes / USUAL_BYTES;
        Self(unsync::Cache::with_weighter(
            findings,
            max_bytes as u64,
            Bytes,
        ))
    }

    /// What was found in a window.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Finding>> {
        self.0.get(key).cloned()
    }

    /// Keeps what was found.
    pub(crate) fn insert(&mut self, key: Key, finding: Arc<Finding>) {
        self.0.insert(key, finding);
    }

    /// Bytes that it takes now.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.weight()
    }
}

/// A finding of usual size: two heads, seventy words, a mean of 384 numbers.
const USUAL_BYTES: usize = 3000;

/// What an entry takes besides what its finding holds: the table's own and the allocator's.
const ENTRY_BYTES: usize = size_of::<Key>() + size_of::<Finding>() + 128;

/// Weighs entries by the memory that they take.
struct Bytes;

impl Weighter<Key, Arc<Finding>> for Bytes {
    fn weight(&self, _: &Key, finding: &Arc<Finding>) -> u64 {
        (ENTRY_BYTES + finding.tags.bytes() + finding.pool.bytes()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key {
            digest: [number; 32],
            share: 0,
            is_tagged: true,
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut cache = Cache::new(10 * ENTRY_BYTES);

        for number in 0..100 {
            cache.insert(key(number), Arc::default());
        }

        let kept = (0..100).filter(|&number| cache.get(&key(number)).is_some());
        assert_eq!(kept.count(), 10);
        assert_eq!(cache.bytes(), 10 * ENTRY_BYTES as u64);
    }

    #[test]
    fn none_of_no_memory_is_kept() {
        let mut cache = Cache::new(0);

        cache.insert(key(1), Arc::default());

        assert!(cache.get(&key(1)).is_none());
    }

    #[test]
    fn another_share_is_another_finding() {
        let mut cache = Cache::new(1 << 20);
        cache.insert(key(1), Arc::default());

        let other = Key { share: 1, ..key(1) };

        assert!(cache.get(&key(1)).is_some());
        assert!(cache.get(&other).is_none());
    }
}
