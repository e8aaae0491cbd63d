//! `make bench`: how fast the shipped program is, by engine, with and without Kafka.
//!
//! Machines differ and are shared: compare figures of one run only. Where a measurement is
//! repeated, a figure is given as the median, with minimum and maximum behind it.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod kafka;
mod machine;
mod table;
mod text;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use flate2::read::MultiGzDecoder;

use crate::table::Table;

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
    /// The engines to measure.
    #[arg(long, value_delimiter = ',', default_value = "openvino,torch")]
    engines: Vec<String>,
    /// The program to measure.
    #[arg(long, default_value = "target/release/copydesk")]
    program: PathBuf,
}

/// Raw articles as JSON lines.
pub(crate) struct Articles {
    pub(crate) lines: Vec<String>,
    /// White-space separated words of their bodies.
    pub(crate) words: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let articles = read(&arguments.articles, arguments.take)?;
    println!("{}", machine::describe());
    println!(
        "{} articles, {} words",
        articles.lines.len(),
        articles.words
    );
    for engine in &arguments.engines {
        println!("\n{engine}\n{}", measure(engine, &articles, &arguments)?);
    }
    Ok(())
}

/// Measures one engine. The repeats go round, so that what else the machine does meets all alike.
fn measure(engine: &str, articles: &Articles, arguments: &Arguments) -> anyhow::Result<Table> {
    let engine = format!("encoder.engine={engine}");
    let mut table = Table::default();
    for _ in 0..arguments.repeats {
        let over_kafka = |delivery| {
            let delivery = format!("kafka.delivery={delivery}");
            kafka::run(&arguments.program, articles, &[&engine, &delivery])
        };
        let exactly = over_kafka("exactly_once")?;
        let at_least = over_kafka("at_least_once")?;
        let alone = text::run(&arguments.program, articles, &engine, exactly.tokens)?;
        table.add("in process", alone);
        table.add("over Kafka, exactly once", exactly);
        table.add("over Kafka, at least once", at_least);
    }
    Ok(table)
}

fn read(path: &Path, take: usize) -> anyhow::Result<Articles> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines();
    let lines: Vec<String> = lines
        .take(take)
        .collect::<Result<_, _>>()
        .context("cannot unpack")?;
    let mut words = 0;
    for line in &lines {
        let article: serde_json::Value = serde_json::from_str(line)?;
        words += article["text"]
            .as_str()
            .map_or(0, |text| text.split_whitespace().count());
    }
    Ok(Articles { lines, words })
}
