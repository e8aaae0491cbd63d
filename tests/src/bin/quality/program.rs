//! The program under measurement.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use copydesk_proto::{Article, Format, decode, encode};

/// `copydesk text`, run once for each call.
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Sends articles through the program; the answers come in the same order.
    pub(crate) fn enrich(&self, articles: &[Article]) -> anyhow::Result<Vec<Article>> {
        let mut child = Command::new(&self.path)
            .args(["text", "--jsonl", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.path.display()))?;
        let mut stdin = child
            .stdin
            .take()
            .context("the child has a standard input")?;
        let stdout = BufReader::new(child.stdout.take().context("the child has an output")?);
        let enriched = std::thread::scope(|scope| {
            let feeder = scope.spawn(move || {
                articles.iter().try_for_each(|article| {
                    stdin.write_all(&encode(article, Format::Json))?;
                    stdin.write_all(b"\n")
                })
            });
            let lines = stdout
                .lines()
                .map(|line| Ok(decode(line?.as_bytes(), Format::Json, [])?));
            let enriched: anyhow::Result<Vec<Article>> = lines.collect();
            feeder
                .join()
                .expect("the feeder does not panic")
                .context("cannot feed")?;
            enriched
        })?;
        let status = child.wait()?;
        ensure!(status.success(), "the program ended with {status}");
        ensure!(
            enriched.len() == articles.len(),
            "{} articles came back",
            enriched.len()
        );
        Ok(enriched)
    }
}
