//! Programs that read articles and write records, a line each, without Kafka.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::articles::Articles;
use crate::run::Run;
use crate::usage::Watch;

/// Such a program.
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) ready: Ready,
}

/// When a program is ready to be measured.
#[derive(Clone, Copy)]
pub(crate) enum Ready {
    /// It warms up by itself, and then writes a line.
    Says,
    /// It has answered so many articles.
    Answers(usize),
}

type Answers = Lines<BufReader<ChildStdout>>;

/// A program at work.
struct Running {
    child: Child,
    stdin: ChildStdin,
    answers: Answers,
    watch: Watch,
    start_seconds: f64,
}

impl Filter {
    /// Sends articles through the program; what it took.
    pub(crate) fn run(&self, articles: &Articles) -> anyhow::Result<Run> {
        self.run_after(&self.warm_up(articles)?, articles)
    }

    /// The same after articles to warm up with.
    pub(crate) fn run_after(&self, warm_up: &[String], articles: &Articles) -> anyhow::Result<Run> {
        Ok(self.measure(warm_up, articles)?.0)
    }

    /// What the program answers to articles.
    pub(crate) fn answers(&self, articles: &Articles) -> anyhow::Result<Vec<String>> {
        let warm_up = match self.ready {
            Ready::Says => Vec::new(),
            Ready::Answers(_) => articles.warm_up(1)?,
        };
        Ok(self.measure(&warm_up, articles)?.1)
    }

    /// Articles to warm the program up with, like these.
    pub(crate) fn warm_up(&self, articles: &Articles) -> anyhow::Result<Vec<String>> {
        match self.ready {
            Ready::Says => Ok(Vec::new()),
            Ready::Answers(count) => articles.warm_up(count),
        }
    }

    fn measure(
        &self,
        warm_up: &[String],
        articles: &Articles,
    ) -> anyhow::Result<(Run, Vec<String>)> {
        let running = self.start(warm_up);
        let running = running.with_context(|| format!("cannot start {}", self.name))?;
        running
            .measure(articles)
            .with_context(|| format!("{} has failed", self.name))
    }

    fn start(&self, warm_up: &[String]) -> anyhow::Result<Running> {
        let started = Instant::now();
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("the child has an output")?;
        let mut running = Running {
            stdin: child.stdin.take().context("the child has an input")?,
            answers: BufReader::new(stdout).lines(),
            watch: Watch::start(vec![child.id()]),
            child,
            start_seconds: 0.0,
        };
        if let Some((first, _)) = warm_up.split_first() {
            writeln!(running.stdin, "{first}")?;
        }
        next(&mut running.answers)?;
        running.start_seconds = started.elapsed().as_secs_f64();
        let more = warm_up.get(1..).unwrap_or_default();
        exchange(&mut running.stdin, &mut running.answers, more)?;
        Ok(running)
    }
}

impl Running {
    fn measure(mut self, articles: &Articles) -> anyhow::Result<(Run, Vec<String>)> {
        let (began, cpu_before) = (Instant::now(), self.watch.cpu_seconds());
        // By value, so that it is closed: some programs give the last answers only then.
        let answers = exchange(self.stdin, &mut self.answers, &articles.lines)?;
        let run = Run {
            start_seconds: self.start_seconds,
            seconds: began.elapsed().as_secs_f64(),
            articles: articles.lines.len(),
            words: articles.words,
            tokens: None,
            cpu_seconds: self.watch.cpu_seconds() - cpu_before,
            peak_mib: self.watch.peak_mib(),
        };
        let status = self.child.wait()?;
        ensure!(status.success(), "it ended with {status}");
        Ok((run, answers))
    }
}

/// Sends lines while it reads as many answers.
fn exchange(
    mut stdin: impl Write + Send,
    answers: &mut Answers,
    lines: &[String],
) -> anyhow::Result<Vec<String>> {
    thread::scope(|scope| {
        let feeder =
            scope.spawn(move || lines.iter().try_for_each(|line| writeln!(stdin, "{line}")));
        let found: anyhow::Result<Vec<String>> = lines.iter().map(|_| next(answers)).collect();
        let fed = feeder.join().expect("the feeder does not panic");
        fed.context("cannot feed")?;
        found
    })
}

fn next(answers: &mut Answers) -> anyhow::Result<String> {
    let answer = answers.next().context("an answer is missing")?;
    answer.context("cannot read an answer")
}
