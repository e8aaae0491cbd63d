//! `copydesk run`: a service, until it is asked to stop.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use copydesk_worker::{Admin, Error, Health, Metrics, Shutdown, Worker};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{info, warn};

use crate::Outcome;
use crate::admin::{self, Live};
use crate::cli::RunArgs;
use crate::config::Config;
use crate::model::{self, Watch};
use crate::renewal::{self, Renewal};
use crate::services::Service;
use crate::stages::{Builder, Built, Draft};

/// Runs a service: the admin port first, so that it can be asked while the model loads.
pub(crate) fn run(args: &RunArgs, config: &Config, live: Live) -> anyhow::Result<Outcome> {
    let service = Service::find(&args.service).expect("the command line takes no other name");
    let model = model::find(&config.model, service.stages)?;
    let shutdown = Shutdown::new();
    stop_on_signals(shutdown.clone())?;
    let asked = renewal::hangups()?;

    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let health = Health::new(&metrics);
    let (registry, pages) = (metrics.registry().clone(), admin::pages(live));
    let admin = Admin::bind_with(config.admin.bind, registry.clone(), health.clone(), pages)?;
    info!(service = service.name, admin = %admin.address(), "starting");

    let watch = Watch::new(&model);
    let builder = Builder::new(service.stages, config, &registry)?;
    let Built { pipeline, model } = builder.build(&model)?;
    builder.show(model.as_ref());
    let worker = Worker::new(config.worker(service), pipeline, metrics, health)?;
    let renewal = Renewal {
        builder,
        watch,
        interval: config.model.watch(),
        asked,
        successor: worker.successor(),
    };
    let renewing = renewal.start(shutdown.clone())?;
    let ended = start(worker, shutdown.clone())?;
    let Some(result) = wait(&ended, &shutdown, config.kafka.stop_timeout() + GRACE)? else {
        abandon();
    };
    shutdown.request();
    renewing.join().expect("a panic of a model is caught");
    result.with_context(|| format!("run the service {}", service.name))?;
    info!(service = service.name, "stopped");
    Ok(Outcome::Complete)
}

/// How often the wait for the worker looks for a request to stop.
const TICK: Duration = Duration::from_millis(100);

/// What the worker takes to leave the group, beyond the time that its batch in hand has.
const GRACE: Duration = Duration::from_secs(1);

/// Runs the worker on a thread of its own; how it ends comes through the channel.
fn start(worker: Worker<Draft>, shutdown: Shutdown) -> anyhow::Result<Receiver<Result<(), Error>>> {
    let (done, ended) = mpsc::channel();
    let run = move || {
        // Nobody listens any more once the batch in hand was abandoned.
        done.send(worker.run(&shutdown)).ok();
    };
    let thread = thread::Builder::new().name("worker".to_owned()).spawn(run);
    thread.map(|_| ended).context("start the worker's thread")
}

/// Waits until the worker ends; `None` when it is asked to, and does not within `patience`.
fn wait(
    ended: &Receiver<Result<(), Error>>,
    shutdown: &Shutdown,
    patience: Duration,
) -> anyhow::Result<Option<Result<(), Error>>> {
    loop {
        let is_last = shutdown.is_requested();
        match ended.recv_timeout(if is_last { patience } else { TICK }) {
            Ok(result) => return Ok(Some(result)),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the worker has panicked"),
            Err(RecvTimeoutError::Timeout) if is_last => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Ends the process under a batch that takes too long. None of it is committed: it is read again.
fn abandon() -> ! {
    warn!("the batch in hand did not end in time, it will be read again");
    // Not by returning from main: libtorch's destructors must not run under a thread that is in it.
    signal_hook::low_level::exit(0)
}

/// Passes SIGTERM and SIGINT on as a request to stop.
fn stop_on_signals(shutdown: Shutdown) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("listen for signals")?;
    let listen = move || {
        for signal in signals.forever() {
            info!(signal, "asked to stop");
            shutdown.request();
        }
    };
    let thread = thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen);
    thread
        .map(drop)
        .context("start the thread that listens for signals")
}
