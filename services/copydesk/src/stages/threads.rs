//! The threads that share the articles of a batch, before and after the encoder reads them.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Threads that all stages share.
#[derive(Clone)]
pub(crate) struct Threads(Arc<ThreadPool>);

impl Threads {
    /// Starts so many; 0 for as many as there are cores, unless RAYON_NUM_THREADS says otherwise.
    pub(crate) fn start(count: usize) -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|i| format!("stages-{i}"))
            .build()?;
        Ok(Self(Arc::new(threads)))
    }

    /// Runs parallel iterators on them. A panic of one is a panic here.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }
}
