//! `make quality`: the shipped program against gold annotations.
//!
//! Everything here goes through `copydesk text`, as a user would run it: its cleaning, tokenizer,
//! weights and decoder, and the offsets into the raw body that it states. Prints one table, and
//! exits with 1 where a figure has fallen since the model card was written, where program and
//! trainer disagree, where a numeric form costs too much, or where an offset is wrong.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod calibration;
mod card;
mod confusion;
mod entities;
mod offsets;
mod program;
mod report;
mod seeds;
mod topics;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use copydesk_tests::gold::{document, score, sets};

use crate::card::{Card, losses};
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
    /// The model that it uses, with its card.
    #[arg(long, default_value = "services/encoder/models")]
    model: PathBuf,
    /// The numbers that the encoder calculates with; the trainer's are fp32.
    #[arg(long, value_delimiter = ',', default_value = "fp32,bf16,int8")]
    forms: Vec<String>,
    /// Where to save the figures as JSON.
    #[arg(long, default_value = ".cache/quality.json")]
    json: PathBuf,
    /// Write the figures into the model card.
    #[arg(long)]
    accept: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let card = Card::read(arguments.model.clone())?;
    let reports = arguments
        .forms
        .iter()
        .map(|form| measure(form, &arguments))
        .collect::<anyhow::Result<Vec<Report>>>()?;
    save(&reports, &arguments.json)?;
    let complaints: Vec<String> = reports
        .iter()
        .flat_map(|report| report.out_of_bounds().chain(card.complaints(report)))
        .chain(losses(&reports))
        .collect();
    for complaint in &complaints {
        println!("BELOW: {complaint}");
    }
    if arguments.accept {
        card.accept(&reports)?;
    }
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Measures one numeric form, and prints its table.
fn measure(form: &str, arguments: &Arguments) -> anyhow::Result<Report> {
    let engine = if form == "int8" { "openvino" } else { "torch" };
    let settings = vec![
        format!("encoder.engine={engine}"),
        format!("encoder.precision={form}"),
        format!(
            "model.path={}",
            fs::canonicalize(&arguments.model)?.display()
        ),
    ];
    let program = Program::new(arguments.program.clone(), settings);
    let mut report = Report::new(form.to_owned());
    entities::measure(&program, &arguments.data, &mut report)?;
    topics::measure(&program, &arguments.data, &mut report)?;
    seeds::measure(&program, &arguments.data, &mut report)?;
    offsets::measure(&program, &arguments.data, &mut report)?;
    println!("{report}");
    Ok(report)
}

fn save(reports: &[Report], path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, serde_json::to_vec_pretty(reports)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
