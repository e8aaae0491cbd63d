//! `make bench`: how fast the shipped program is, with and without Kafka.
//!
//! Machines differ and are shared: compare figures of one run only. Each figure is given as the
//! minimum, median and maximum of the repeats.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod kafka;
mod machine;
mod text;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use flate2::read::MultiGzDecoder;

/// Measures the speed of the shipped program.
#[derive(Parser)]
struct Arguments {
    /// Raw articles, gzipped JSON lines.
    #[arg(long, default_value = "../shared/data/news/articles.jsonl.gz")]
    articles: PathBuf,
    /// Take this many of them.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    take: usize,
    /// Times that each measurement is repeated.
    #[arg(long, default_value_t = 1)]
    repeats: usize,
    /// The program to measure.
    #[arg(long, default_value = "target/release/copydesk")]
    program: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let lines = read(&arguments.articles, arguments.take)?;
    let words: usize = lines
        .iter()
        .map(|line| line.split_whitespace().count())
        .sum();
    println!("{}", machine::describe());
    println!("{} articles, about {words} words", lines.len());
    let (mut start, mut alone, mut stream) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.repeats {
        start.push(text::run(&arguments.program, &lines[..1])?);
        alone.push(text::run(&arguments.program, &lines)?);
        stream.push(kafka::run(&arguments.program, &lines)?);
    }
    let load = median(
        &start
            .iter()
            .map(|run| run.first_seconds)
            .collect::<Vec<_>>(),
    );
    let tokens = stream.first().context("there is a repeat")?.tokens;
    let in_process: Vec<f64> = alone
        .iter()
        .map(|run| tokens / (run.first_seconds + run.rest_seconds - load))
        .collect();
    let over_kafka: Vec<f64> = stream.iter().map(|run| run.tokens_per_second).collect();
    row(
        "start to first record, s",
        &start
            .iter()
            .map(|run| run.first_seconds)
            .collect::<Vec<_>>(),
    );
    row("in process, tokens/s", &in_process);
    row(
        "in process, peak memory, MiB",
        &alone.iter().map(|run| run.peak_mib).collect::<Vec<_>>(),
    );
    row("over Kafka, exactly once, tokens/s", &over_kafka);
    row(
        "over Kafka, peak memory, MiB",
        &stream.iter().map(|run| run.peak_mib).collect::<Vec<_>>(),
    );
    let ratios: Vec<f64> = over_kafka
        .iter()
        .zip(&in_process)
        .map(|(a, b)| a / b)
        .collect();
    row("over Kafka / in process", &ratios);
    Ok(())
}

fn read(path: &Path, take: usize) -> anyhow::Result<Vec<String>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines();
    lines
        .take(take)
        .collect::<Result<_, _>>()
        .context("cannot unpack")
}

/// Prints minimum, median and maximum.
fn row(name: &str, figures: &[f64]) {
    let min = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let max = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    println!(
        "{name:<36} {min:>10.2} {:>10.2} {max:>10.2}",
        median(figures)
    );
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
