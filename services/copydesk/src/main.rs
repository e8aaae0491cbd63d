//! The program: services on Kafka, and tools for people.
//!
//! `main` is the life of the process: understand what is asked, start logging, do it, and tell how
//! it went by the exit code. `services` is the table of services; `stages` joins the crates that know
//! text to the article; every other module is a command or what commands share.

#[cfg(not(any(feature = "openvino", feature = "torch")))]
compile_error!("an engine is needed: enable the feature `openvino` or `torch`");

mod admin;
mod cli;
mod config;
mod feed;
mod input;
mod kafka;
mod layer;
mod logging;
mod model;
mod output;
mod present;
mod renewal;
mod replay;
mod run;
mod services;
mod stages;
mod tail;
mod text;

use std::process::ExitCode;

use clap::Parser;

use crate::admin::Live;
use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::layer::{BadSetting, Flags, Layers};

/// Findings of windows are kept among what lives for a moment: glibc's heap would grow by the gaps.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bad usage or settings; also what clap exits with.
const BAD_USAGE: u8 = 2;

/// How a command that could be carried out has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it was done.
    Complete,
    /// Something was left out, and standard error says what.
    Incomplete,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (layers, config) = match settings(&cli) {
        Ok(settings) => settings,
        Err(error) => return fail(&error.into(), BAD_USAGE),
    };
    let level = logging::start(&config.log);
    match dispatch(&cli.command, &config, Live { layers, level }) {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::FAILURE,
        Err(error) => fail(&error, 1),
    }
}

fn settings(cli: &Cli) -> Result<(Layers, Config), BadSetting> {
    let flags = Flags {
        file: cli.settings.config.as_deref(),
        settings: cli.overrides(),
    };
    let layers = Layers::load(&flags, std::env::vars_os())?;
    let config = Config::read(&layers)?;
    Ok((layers, config))
}

fn dispatch(command: &Command, config: &Config, live: Live) -> anyhow::Result<Outcome> {
    match command {
        Command::Run(args) if args.check_config => config::print(&live.layers),
        Command::Run(args) => run::run(args, config, live),
        Command::Text(args) => text::run(args, config),
        Command::Feed(args) => feed::run(args, config),
        Command::Tail(args) => tail::run(args, config),
        Command::Replay(args) => replay::run(args, config),
    }
}

/// Says what is wrong, a line for each cause.
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("copydesk: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    ExitCode::from(code)
}
