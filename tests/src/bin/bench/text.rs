//! `copydesk text`: no Kafka.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::Articles;
use crate::machine::{cpu_seconds, peak_mib};
use crate::table::Run;

/// Sends articles through the program with a setting; `tokens` is what they come to.
pub(crate) fn run(
    program: &Path,
    articles: &Articles,
    setting: &str,
    tokens: f64,
) -> anyhow::Result<Run> {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(["text", "--set", setting, "--jsonl", "-"])
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
    let (mut records, mut start_seconds) = (0, 0.0);
    let (mut cpu, mut peak) = (0.0, 0.0);
    std::thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            let mut lines = articles.lines.iter();
            lines.try_for_each(|line| writeln!(stdin, "{line}"))
        });
        for record in stdout.lines() {
            record.context("cannot read a record")?;
            if records == 0 {
                start_seconds = started.elapsed().as_secs_f64();
            }
            records += 1;
            peak = peak_mib(pid).unwrap_or(peak);
            cpu = cpu_seconds(pid).unwrap_or(cpu);
        }
        feeder
            .join()
            .expect("the feeder does not panic")
            .context("cannot feed")
    })?;
    let seconds = started.elapsed().as_secs_f64() - start_seconds;
    let status = child.wait()?;
    ensure!(status.success(), "the program ended with {status}");
    let sent = articles.lines.len();
    ensure!(records == sent, "{records} of {sent} came out");
    Ok(Run {
        start_seconds,
        seconds,
        share: 1.0,
        articles: sent as f64,
        words: articles.words as f64,
        tokens,
        cpu_seconds: cpu,
        peak_mib: peak,
    })
}
