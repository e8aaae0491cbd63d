//! The sink: takes finished batches, one at a time, and has them committed on a thread of its own,
//! while the stages are at work on the next.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::batch::Outcomes;
use crate::{Error, Shutdown};

const THREAD: &str = "sink";
/// How often a wait looks up, e.g. for a request to stop.
const TICK: Duration = Duration::from_millis(100);

/// Hands batches over to the thread that commits them.
pub(crate) struct Sink {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
    /// Hung up when the thread has ended, and with it the producer.
    ended: Receiver<()>,
}

/// Where batches are handed over. There is room for the one being committed and no other: a second
/// stays with the worker, which does not read a third.
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    /// No more batches will come.
    closing: Shutdown,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Handed over.
    Full(Outcomes),
    /// Being committed.
    Busy,
    /// The thread has ended with this error; `None` once it was reported.
    Failed(Option<Error>),
}

impl Sink {
    /// Starts the thread, which has `settle` deal with each batch. An error ends it; so does
    /// `closing`, by which [`Sink::close`] tells `settle` too that there is no more time.
    pub(crate) fn start(
        closing: Shutdown,
        settle: impl FnMut(Outcomes) -> Result<(), Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let desk = Arc::new(Desk {
            state: Mutex::default(),
            changed: Condvar::new(),
            closing,
        });
        let theirs = Arc::clone(&desk);
        let (end, ended) = mpsc::channel();
        let work = move || {
            theirs.serve(settle);
            // After `settle` and the producer in it are dropped.
            drop::<Sender<()>>(end);
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(work);
        let thread = thread.map_err(|cause| Error::Thread {
            name: THREAD,
            cause,
        })?;
        Ok(Self {
            desk,
            thread,
            ended,
        })
    }

    /// Hands a batch over, when the one before is committed within `patience`; else leaves it in
    /// its place.
    pub(crate) fn offer(
        &self,
        batch: &mut Option<Outcomes>,
        patience: Duration,
    ) -> Result<(), Error> {
        let mut state = self.desk.wait_while_busy(patience);
        self.failure(&mut state)?;
        if matches!(*state, State::Idle)
            && let Some(batch) = batch.take()
        {
            *state = State::Full(batch);
            self.desk.changed.notify_all();
        }
        Ok(())
    }

    /// The error that the thread has ended with, if it has.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.failure(&mut self.desk.lock())
    }

    /// Whether [`Sink::check`] has something to tell.
    pub(crate) fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets the batch that was handed over end, and the thread and its producer with it.
    ///
    /// A session that began before would be fenced by the producer of this one, or fence it. So the
    /// thread is left behind only when the process is to end: when `is_over`, or with an error after
    /// `patience`, in which every call should have reached its limit. Then the broker aborts what
    /// the producer has open when its time is over, or when another with the same id comes up.
    pub(crate) fn close(self, patience: Duration, is_over: impl Fn() -> bool) -> Result<(), Error> {
        self.desk.close();
        let start = Instant::now();
        while self.ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            if is_over() {
                warn!("the transaction did not end in time, left behind");
                return Ok(());
            }
            if start.elapsed() >= patience {
                return Err(Error::SinkStuck);
            }
        }
        Ok(())
    }

    fn failure(&self, state: &mut State) -> Result<(), Error> {
        match state {
            State::Failed(error) => Err(error.take().unwrap_or(Error::SinkPanicked)),
            _ if self.thread.is_finished() => Err(Error::SinkPanicked),
            _ => Ok(()),
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_busy(&self, patience: Duration) -> MutexGuard<'_, State> {
        let busy = |state: &mut State| matches!(state, State::Full(_) | State::Busy);
        let waited = self.changed.wait_timeout_while(self.lock(), patience, busy);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Deals with batches until no more will come, or one fails.
    fn serve(&self, mut settle: impl FnMut(Outcomes) -> Result<(), Error>) {
        while let Some(batch) = self.take() {
            match settle(batch) {
                Ok(()) => self.set(State::Idle),
                Err(error) => return self.set(State::Failed(Some(error))),
            }
        }
    }

    /// Says that no more batches will come.
    fn close(&self) {
        self.closing.request();
        // Under the lock, so that nobody is between looking and waiting.
        let _state = self.lock();
        self.changed.notify_all();
    }

    /// Takes the next batch; `None` when no more will come.
    fn take(&self) -> Option<Outcomes> {
        let idle = |state: &mut State| matches!(state, State::Idle) && !self.closing.is_requested();
        let waited = self.changed.wait_while(self.lock(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Busy) {
            State::Full(batch) => Some(batch),
            _ => None,
        }
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::Metrics;
    use crate::batch::InFlight;

    const LONG: Duration = Duration::from_secs(60);

    fn batch() -> Option<Outcomes> {
        let in_flight = InFlight::new(&Metrics::new("test"));
        Some(Outcomes::new(Vec::new(), in_flight))
    }

    /// A sink that is at a batch until it is released.
    fn stuck() -> (Sink, Sender<()>) {
        let (release, released) = mpsc::channel::<()>();
        let settle = move |_| {
            released.recv().ok();
            Ok(())
        };
        let sink = Sink::start(Shutdown::new(), settle).unwrap();
        sink.offer(&mut batch(), LONG).unwrap();
        (sink, release)
    }

    #[test]
    fn closing_waits_for_the_producer_to_be_gone() {
        let (closing, gone) = (Shutdown::new(), Arc::new(AtomicBool::new(false)));
        let producer = Gone(Arc::clone(&gone));
        let told = closing.clone();
        // Takes until it is told that there is no more time, and is busy until then.
        let settle = move |_| {
            let _producer = &producer;
            told.wait_timeout(LONG);
            Ok(())
        };
        let sink = Sink::start(closing, settle).unwrap();
        sink.offer(&mut batch(), LONG).unwrap();

        sink.close(LONG, || false).unwrap();

        assert!(gone.load(Ordering::Relaxed));
    }

    #[test]
    fn stuck_batch_is_left_behind_when_the_process_is_to_end() {
        let (sink, release) = stuck();

        sink.close(LONG, || true).unwrap();

        assert!(release.send(()).is_ok(), "it is still at it");
    }

    #[test]
    fn batch_that_is_stuck_for_good_is_an_error() {
        let (sink, release) = stuck();

        let closed = sink.close(Duration::ZERO, || false);

        assert!(matches!(closed, Err(Error::SinkStuck)));
        assert!(release.send(()).is_ok(), "it is still at it");
    }

    #[test]
    fn error_of_a_batch_is_told_to_the_next() {
        let sink = Sink::start(Shutdown::new(), |_| Err(Error::Stopped)).unwrap();

        sink.offer(&mut batch(), LONG).unwrap();

        assert!(matches!(
            sink.offer(&mut batch(), LONG),
            Err(Error::Stopped)
        ));
    }

    /// Says when it is dropped.
    struct Gone(Arc<AtomicBool>);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
