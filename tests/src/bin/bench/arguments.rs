//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the shipped program, and its peers beside it.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// Measure only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    #[arg(default_value = "limit,speed,peers,accuracy,waits,scaling")]
    pub(crate) only: Vec<Part>,
    /// Raw articles, gzipped JSON lines; by default `news/articles.jsonl.gz` of the data.
    #[arg(long)]
    articles: Option<PathBuf>,
    /// Take this many of them, evenly spread.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) take: usize,
    /// The same for transformers, which are slow.
    #[arg(long, default_value_t = 100)]
    pub(crate) take_python: usize,
    /// Times that each speed is measured.
    #[arg(long, default_value_t = 1)]
    pub(crate) repeats: usize,
    /// The engines to measure; over Kafka, the first in all ways, the others in the usual two.
    #[arg(long, value_delimiter = ',', default_value = "openvino,torch")]
    pub(crate) engines: Vec<String>,
    /// The profiles to measure: their model folders by name.
    #[arg(long, value_delimiter = ',', value_parser = profile)]
    #[arg(default_value = "accurate=services/encoder/models,fast=services/encoder/models/fast")]
    pub(crate) profiles: Vec<(String, PathBuf)>,
    /// More settings of the program, e.g. batch.linger_ms=5; may be given again.
    #[arg(long)]
    pub(crate) set: Vec<String>,
    /// The same, for the part `waits` alone.
    #[arg(long)]
    pub(crate) waits_set: Vec<String>,
    /// The program to measure.
    #[arg(long, default_value = "target/release/copydesk")]
    pub(crate) program: PathBuf,
    /// The folder of the annotated sets.
    #[arg(long, default_value = "../shared/data")]
    pub(crate) data: PathBuf,
    /// Seconds of load that waits are measured over.
    #[arg(long, default_value_t = 40.0)]
    pub(crate) load_seconds: f64,
    /// The share of the full load that waits are measured at.
    #[arg(long, default_value_t = 0.7)]
    pub(crate) load: f64,
    /// Words of the articles by whose length speed is measured.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "100,300,1000,3000,10000,20000"
    )]
    pub(crate) lengths: Vec<usize>,
    /// Words of all articles of one length.
    #[arg(long, default_value_t = 200_000)]
    pub(crate) length_words: usize,
    /// Sizes of the backlogs; for the whole range, 1000,5000,20000,50000.
    #[arg(long, value_delimiter = ',', default_value = "1000,4000")]
    pub(crate) backlogs: Vec<usize>,
    /// Megabytes of each body of the part `bodies`.
    #[arg(long, default_value = "1,10", value_delimiter = ',')]
    pub(crate) bodies: Vec<usize>,
    /// Seconds of the part `soak`, which runs only where --only names it.
    #[arg(long, default_value_t = 3_600)]
    pub(crate) soak: u64,
    /// Articles a second of the part `soak`.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) rate: f64,
    /// Where to save the figures as JSON, with charts beside it.
    #[arg(long, default_value = "target/bench/report.json")]
    pub(crate) json: PathBuf,
    /// Write tables and charts into the README.
    #[arg(long)]
    pub(crate) accept: bool,
}

impl Arguments {
    /// The raw articles to measure on.
    pub(crate) fn articles(&self) -> PathBuf {
        let usual = || self.data.join("news/articles.jsonl.gz");
        self.articles.clone().unwrap_or_else(usual)
    }
}

/// What can be measured on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// How fast the machine multiplies the encoder's matrices.
    Limit,
    /// Copydesk at full load.
    Speed,
    /// The peers at full load.
    Peers,
    /// F1 of all on annotated articles.
    Accuracy,
    /// From produced to visible, under load and idle.
    Waits,
    /// Speed by length of the articles and by size of the backlog.
    Scaling,
    /// Memory under large bodies; only where --only names it.
    Bodies,
    /// Memory over hours.
    Soak,
}

fn profile(text: &str) -> Result<(String, PathBuf), String> {
    let (name, model) = text.split_once('=').ok_or("NAME=FOLDER is expected")?;
    Ok((name.to_owned(), model.into()))
}
