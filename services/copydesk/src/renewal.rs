//! Changes the model of a worker that runs.
//!
//! A thread of its own looks at the model folder now and then, and loads what is new beside the
//! model in use. The worker goes on with it between two batches, and the old one is dropped. What
//! cannot be used is refused, and the old one goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use copydesk_worker::{Ended, Shutdown, Successor};
use signal_hook::consts::SIGHUP;
use tracing::{error, info};

use crate::model::{Finding, Watch};
use crate::stages::{Builder, Built, Draft};

/// How often it looks whether it is asked for a model.
const TICK: Duration = Duration::from_millis(100);

/// SIGHUP, which asks for the model to be loaded again. It ends a process that does not listen.
pub(crate) fn hangups() -> anyhow::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    let registered = signal_hook::flag::register(SIGHUP, Arc::clone(&asked));
    registered.context("listen for SIGHUP")?;
    Ok(asked)
}

/// What a change of the model needs.
pub(crate) struct Renewal {
    pub(crate) builder: Builder,
    pub(crate) watch: Watch,
    /// How often to look at the folder; never where it is zero.
    pub(crate) interval: Duration,
    /// Set by SIGHUP.
    pub(crate) asked: Arc<AtomicBool>,
    pub(crate) successor: Successor<Draft>,
}

impl Renewal {
    /// Changes the model whenever there is another, until `shutdown` is requested.
    ///
    /// The thread is to be joined before the program ends: the engines' own destructors must not
    /// run while it is in one of them.
    pub(crate) fn start(mut self, shutdown: Shutdown) -> anyhow::Result<JoinHandle<()>> {
        let run = move || {
            // The worker has ended by itself, and the program is about to.
            self.run(&shutdown).ok();
        };
        let thread = thread::Builder::new().name("model".to_owned()).spawn(run);
        thread.context("start the thread that changes the model")
    }

    fn run(&mut self, shutdown: &Shutdown) -> Result<(), Ended> {
        let mut looked = Instant::now();
        while !shutdown.wait_timeout(TICK) {
            if self.asked.swap(false, Ordering::Relaxed) {
                info!(folder = %self.watch.folder().display(), "asked to load the model again");
                self.watch.note_tried();
                self.renew()?;
            } else if !self.interval.is_zero() && looked.elapsed() >= self.interval {
                looked = Instant::now();
                self.look()?;
            }
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Ended> {
        match self.watch.look() {
            Finding::Nothing => {}
            Finding::Used => self.builder.metrics().forget_refusal(),
            Finding::New => self.renew()?,
        }
        Ok(())
    }

    /// Loads what is in the folder, and has the worker go on with it.
    fn renew(&mut self) -> Result<(), Ended> {
        let Built { pipeline, model } = match self.load() {
            Ok(built) => built,
            Err(error) => {
                self.builder.metrics().count_refusal();
                let error = format!("{error:#}");
                error!(error, "model refused, the one before goes on");
                return Ok(());
            }
        };
        self.successor.replace(pipeline)?;
        self.watch.note_used();
        self.builder.metrics().count_change();
        self.builder.show(model.as_ref());
        info!(model = model.map(|model| model.version()), "model changed");
        Ok(())
    }

    fn load(&self) -> anyhow::Result<Built> {
        let load = AssertUnwindSafe(|| self.builder.build(self.watch.folder()));
        catch_unwind(load).unwrap_or_else(|_| Err(anyhow!("it makes the program panic")))
    }
}
