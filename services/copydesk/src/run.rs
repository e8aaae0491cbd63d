//! `copydesk run`: a service, until it is asked to stop.

use std::thread;

use anyhow::Context;
use copydesk_worker::{Admin, Health, Metrics, Shutdown, Worker};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::info;

use crate::cli::RunArgs;
use crate::config::Config;
use crate::services::Service;
use crate::{Outcome, model, stages};

/// Runs a service: the admin port first, so that it can be asked while the model loads.
pub(crate) fn run(args: &RunArgs, config: &Config) -> anyhow::Result<Outcome> {
    let service = Service::find(&args.service).expect("the command line takes no other name");
    let model = model::find(&config.model.path, service.stages)?;
    let shutdown = Shutdown::new();
    stop_on_signals(shutdown.clone())?;

    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let health = Health::new(&metrics);
    let registry = metrics.registry().clone();
    let admin = Admin::bind(config.admin.bind, registry.clone(), health.clone())?;
    info!(service = service.name, admin = %admin.address(), "starting");

    let pipeline = stages::build(service.stages, &model, &config.encoder, &registry)?;
    let worker = Worker::new(config.worker(service), pipeline, metrics, health)?;
    worker
        .run(&shutdown)
        .with_context(|| format!("run the service {}", service.name))?;
    info!(service = service.name, "stopped");
    Ok(Outcome::Complete)
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
