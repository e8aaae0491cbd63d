//! `make quality`: the shipped program against gold annotations.
//!
//! Everything here goes through `copydesk text`, as a user would run it: its cleaning, tokenizer,
//! weights and decoder, and the offsets into the raw body that it states. Prints a table and exits
//! with 1 where a figure falls below its floor or an offset is wrong.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod gold;
mod offsets;
mod program;
mod report;
mod score;
mod seeds;
mod topics;
mod worldwide;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::program::Program;
use crate::report::Report;

/// Measures the shipped program against gold annotations.
#[derive(Parser)]
struct Arguments {
    /// The data to measure on.
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    /// The program to measure.
    #[arg(long, default_value = "target/release/copydesk")]
    program: PathBuf,
    /// Where to save the figures as JSON.
    #[arg(long, default_value = ".cache/quality.json")]
    json: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let program = Program::new(arguments.program);
    let mut report = Report::default();
    worldwide::measure(&program, &arguments.data, &mut report)?;
    topics::measure(&program, &arguments.data, &mut report)?;
    seeds::measure(&program, &arguments.data, &mut report)?;
    offsets::measure(&program, &arguments.data, &mut report)?;
    println!("{report}");
    report.save(&arguments.json)?;
    Ok(if report.passes() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
