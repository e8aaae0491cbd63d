//! The program under measurement.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use copydesk_proto::{Article, Format, decode, encode};

/// `copydesk text`, run once for each call.
pub(crate) struct Program {
    path: PathBuf,
    settings: Vec<String>,
}

impl Program {
    /// The program at a path, with settings as `--set` takes them.
    pub(crate) fn new(path: PathBuf, settings: Vec<String>) -> Self {
        Self { path, settings }
    }

    /// Sends articles through the program; the answers come in the same order.
    pub(crate) fn enrich<'a>(
        &self,
        articles: impl IntoIterator<Item = &'a Article>,
    ) -> anyhow::Result<Vec<Article>> {
        let lines: Vec<Vec<u8>> = articles
            .into_iter()
            .map(|article| encode(article, Format::Json))
            .collect();
        let sent = lines.len();
        let settings = self.settings.iter().flat_map(|one| ["--set", one]);
        let mut child = Command::new(&self.path)
            .args(["text", "--jsonl", "-"])
            .args(settings)
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
                lines.iter().try_for_each(|line| {
                    stdin.write_all(line)?;
                    stdin.write_all(b"\n")
                })
            });
            let answers = stdout
                .lines()
                .map(|line| Ok(decode(line?.as_bytes(), Format::Json, [])?));
            let enriched: anyhow::Result<Vec<Article>> = answers.collect();
            feeder
                .join()
                .expect("the feeder does not panic")
                .context("cannot feed")?;
            enriched
        })?;
        let status = child.wait()?;
        ensure!(status.success(), "the program ended with {status}");
        ensure!(
            enriched.len() == sent,
            "{} of {sent} articles came back",
            enriched.len()
        );
        Ok(enriched)
    }
}
