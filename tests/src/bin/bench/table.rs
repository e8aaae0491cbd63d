//! Runs of the program, and the table of them.

use std::fmt;

/// One run over all articles. Starting is not part of it, but for `start_seconds`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Start of the process to its first record.
    pub(crate) start_seconds: f64,
    /// What the rest took.
    pub(crate) seconds: f64,
    /// The share of the articles that was done in that time.
    pub(crate) share: f64,
    pub(crate) articles: f64,
    pub(crate) words: f64,
    /// Tokens that the encoder read, those of all articles.
    pub(crate) tokens: f64,
    /// Processor time of the process, starting included.
    pub(crate) cpu_seconds: f64,
    /// Largest resident memory.
    pub(crate) peak_mib: f64,
}

/// Repeated runs by what they were.
#[derive(Default)]
pub(crate) struct Table(Vec<(String, Vec<Run>)>);

impl Table {
    pub(crate) fn add(&mut self, name: &str, run: Run) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, runs)) => runs.push(run),
            None => self.0.push((name.to_owned(), vec![run])),
        }
    }
}

impl Run {
    fn rate(&self, count: f64) -> f64 {
        count * self.share / self.seconds
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<28} {:>26} {:>9} {:>10} {:>12} {:>9} {:>8} {:>12}",
            "",
            "tokens/s (min, max)",
            "words/s",
            "articles/s",
            "CPU s/1,000",
            "peak MiB",
            "start s",
            "to the first"
        )?;
        let first = self.0.first().map_or(f64::NAN, |(_, runs)| speed(runs));
        for (name, runs) in &self.0 {
            let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure));
            let speeds = || runs.iter().map(|run| run.rate(run.tokens));
            let (min, max) = (
                speeds().fold(f64::INFINITY, f64::min),
                speeds().fold(f64::NEG_INFINITY, f64::max),
            );
            let tokens = format!("{:.0} ({min:.0}, {max:.0})", speed(runs));
            writeln!(
                out,
                "{name:<28} {tokens:>26} {:>9.0} {:>10.1} {:>12.2} {:>9.0} {:>8.2} {:>11.1}%",
                of(|run| run.rate(run.words)),
                of(|run| run.rate(run.articles)),
                of(|run| 1_000.0 * run.cpu_seconds / run.articles),
                of(|run| run.peak_mib),
                of(|run| run.start_seconds),
                100.0 * speed(runs) / first,
            )?;
        }
        Ok(())
    }
}

/// Tokens a second, the median.
fn speed(runs: &[Run]) -> f64 {
    median(runs.iter().map(|run| run.rate(run.tokens)))
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
