//! `copydesk text`: no Kafka.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::machine::peak_mib;

/// One run of the program over raw articles.
pub(crate) struct Run {
    /// Start of the process to its first record.
    pub(crate) first_seconds: f64,
    /// First record to the last one.
    pub(crate) rest_seconds: f64,
    /// Largest resident memory.
    pub(crate) peak_mib: f64,
    /// Records that came out.
    pub(crate) records: usize,
}

/// Sends JSON lines through the program.
pub(crate) fn run(program: &Path, lines: &[String]) -> anyhow::Result<Run> {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(["text", "--jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let mut stdin = child
        .stdin
        .take()
        .context("the child has a standard input")?;
    let stdout = BufReader::new(child.stdout.take().context("the child has an output")?);
    let pid = child.id();
    let mut run = Run {
        first_seconds: 0.0,
        rest_seconds: 0.0,
        peak_mib: 0.0,
        records: 0,
    };
    std::thread::scope(|scope| {
        let feeder =
            scope.spawn(move || lines.iter().try_for_each(|line| writeln!(stdin, "{line}")));
        for record in stdout.lines() {
            record.context("cannot read a record")?;
            if run.records == 0 {
                run.first_seconds = started.elapsed().as_secs_f64();
            }
            run.records += 1;
            run.peak_mib = peak_mib(pid).unwrap_or(run.peak_mib);
        }
        feeder
            .join()
            .expect("the feeder does not panic")
            .context("cannot feed")
    })?;
    run.rest_seconds = started.elapsed().as_secs_f64() - run.first_seconds;
    let status = child.wait()?;
    ensure!(status.success(), "the program ended with {status}");
    ensure!(
        run.records == lines.len(),
        "{} of {} came out",
        run.records,
        lines.len()
    );
    Ok(run)
}
