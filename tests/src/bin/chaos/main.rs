//! `make chaos`: proves that nothing is lost and nothing is done twice, whatever dies.
//!
//! A generator writes numbered articles. Workers run, each a process of its own. A nemesis kills,
//! halts and fences them, also at every step of a transaction, and restarts the broker, fills its
//! disk, and cuts, delays and holds connections. At the end of a round all is healed, and a checker
//! reads what readers of the topics see. With `--planted` the workers are wrong on purpose, and it
//! is the checker that is on trial.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod article;
mod checker;
mod disk;
mod evidence;
mod fleet;
mod fuse;
mod generator;
mod group;
mod history;
mod log;
mod nemesis;
mod orders;
mod planted;
mod report;
mod round;
mod violation;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use clap::Parser;
use copydesk_tests::{Broker, BrokerOptions, Proxy};

use crate::disk::Disk;
use crate::nemesis::World;
use crate::planted::Plant;
use crate::round::Plan;
use crate::violation::Breach;

/// Wrong workers of so many kinds at a time: most of the time they wait.
const SIDE_BY_SIDE: usize = 5;
/// Rounds in which a bug may show: where no partition moves at the right moment, or trouble holds the
/// workers up, there may be nothing to see in one round.
const TRIALS: usize = 3;

/// Tries to break the promise of the worker.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Rounds begin as long as less time than this has passed.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Seed of the first round; the second has the next, and so on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long there is trouble in a round.
    #[arg(long, default_value_t = 60)]
    round_seconds: u64,
    /// Articles a second.
    #[arg(long, default_value_t = 60)]
    rate: u32,
    /// Runs all wrong workers instead, and wants each of them found.
    #[arg(long)]
    planted: bool,
    /// Runs this wrong worker instead.
    #[arg(long)]
    plant: Vec<Plant>,
    /// Folder for the histories.
    #[arg(long, default_value = "target/chaos")]
    histories: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Is a worker process.
    #[command(hide = true)]
    Worker {
        /// JSON.
        orders: String,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Command::Worker { orders }) = &arguments.command {
        return worker::run(orders);
    }
    let world = world()?;
    let is_well = match arguments.planted || !arguments.plant.is_empty() {
        true => try_plants(&world, &arguments)?,
        false => try_workers(&world, &arguments)?,
    };
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn world() -> anyhow::Result<World> {
    let proxy = Proxy::listen()?;
    let has_disk = Disk::is_allowed();
    if !has_disk {
        println!("no right to mount: the broker's disk will not be filled");
    }
    let broker = Broker::start_as(BrokerOptions {
        proxy_port: Some(proxy.port()),
        disk_mib: has_disk.then_some(disk::MIB),
    });
    proxy.lead_to(broker.proxied());
    let disk = has_disk.then(|| Disk::of(broker.data()));
    Ok(World {
        broker,
        proxy,
        disk,
    })
}

/// Runs the right workers, round after round; whether they kept the promise.
fn try_workers(world: &World, arguments: &Arguments) -> anyhow::Result<bool> {
    let start = Instant::now();
    let mut plan = plan(arguments);
    let mut reports = Vec::new();
    report::print_head();
    while start.elapsed() < Duration::from_secs(arguments.seconds) {
        let report = round::run(world, &plan)?;
        report::print_row(&report);
        reports.push(report);
        plan.seed += 1;
    }
    report::print_total(&reports);
    Ok(reports.iter().all(|report| report.violations.is_empty()))
}

/// Runs the wrong workers, a few side by side; whether each was found, and the right one was not.
fn try_plants(world: &World, arguments: &Arguments) -> anyhow::Result<bool> {
    let mut is_well = true;
    let mut plants = Plant::ALL.to_vec();
    plants.retain(|(plant, _)| arguments.planted || arguments.plant.contains(plant));
    for plants in plants.chunks(SIDE_BY_SIDE) {
        let trials: Vec<anyhow::Result<bool>> = thread::scope(|scope| {
            let start = |&plant| scope.spawn(move || try_plant(world, arguments, plant));
            let trials: Vec<_> = plants.iter().map(start).collect();
            let join = |trial: ScopedJoinHandle<'_, _>| trial.join().expect("it does not panic");
            trials.into_iter().map(join).collect()
        });
        for is_found in trials {
            is_well &= is_found?;
        }
    }
    Ok(is_well)
}

fn try_plant(
    world: &World,
    arguments: &Arguments,
    (plant, breach): (Plant, Option<Breach>),
) -> anyhow::Result<bool> {
    let patience_seconds = if plant.stays_behind() { 10 } else { 180 };
    let trials = if breach.is_some() { TRIALS } else { 1 };
    for seed in (arguments.seed..).take(trials) {
        let plan = Plan {
            seed,
            trouble: Duration::from_secs(10),
            patience: Duration::from_secs(patience_seconds),
            plant: Some(plant),
            ..plan(arguments)
        };
        let report = round::run(world, &plan)?;
        let is_found = match breach {
            Some(breach) => report.count(breach) > 0,
            None => report.violations.is_empty(),
        };
        report::print_plant(plant, breach, is_found, &report);
        if is_found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn plan(arguments: &Arguments) -> Plan {
    Plan {
        seed: arguments.seed,
        trouble: Duration::from_secs(arguments.round_seconds),
        patience: Duration::from_secs(180),
        rate: arguments.rate,
        plant: None,
        folder: arguments.histories.clone(),
    }
}
