//! `copydesk run`: from a real broker to a real broker.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use copydesk_tests::{Broker, Record, Topics, secs, wait_until};

use crate::Articles;
use crate::machine::{cpu_seconds, peak_mib};
use crate::table::Run;

/// What the worker had done at a moment.
#[derive(Clone, Copy)]
struct Progress {
    at: Instant,
    committed: f64,
    tokens: f64,
}

/// Puts articles on a topic, then has the program enrich them with some settings.
pub(crate) fn run(program: &Path, articles: &Articles, settings: &[&str]) -> anyhow::Result<Run> {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 4);
    topics
        .raw
        .produce(articles.lines.iter().map(|line| Record::new(line.as_str())));
    let admin = free_address()?;
    let started = Instant::now();
    let worker = start(program, broker, &topics, admin, settings)?;
    let (mut first, mut last) = (None, None);
    wait_until("all articles are enriched", secs(1800), || {
        let Ok(progress) = progress(admin) else {
            return false;
        };
        if progress.committed > 0.0 {
            first.get_or_insert(progress);
            last = Some(progress);
        }
        progress.committed >= articles.lines.len() as f64
    });
    let (first, last) = (
        first.context("something is committed")?,
        last.context("something is committed")?,
    );
    let pid = worker.0.id();
    let share = (last.committed - first.committed) / last.committed;
    ensure!(share > 0.5, "too few articles for a figure");
    Ok(Run {
        start_seconds: (first.at - started).as_secs_f64(),
        seconds: (last.at - first.at).as_secs_f64(),
        share,
        articles: articles.lines.len() as f64,
        words: articles.words as f64,
        tokens: last.tokens,
        cpu_seconds: cpu_seconds(pid).context("the worker has ended")?,
        peak_mib: peak_mib(pid).context("the worker has ended")?,
    })
}

/// A worker that ends with its measurement.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(
    program: &Path,
    broker: &Broker,
    topics: &Topics,
    admin: SocketAddr,
    settings: &[&str],
) -> anyhow::Result<Worker> {
    let names = [
        format!("topics.raw={}", topics.raw.name),
        format!("topics.enriched={}", topics.enriched.name),
        format!("topics.dead_letters={}", topics.dead_letters.name),
        format!("kafka.group={}", topics.raw.name),
        format!("admin.bind={admin}"),
    ];
    let mut command = Command::new(program);
    command
        .args(["run", "--brokers", broker.bootstrap()])
        .stdout(Stdio::null());
    let names = names.iter().map(String::as_str);
    for setting in names.chain(settings.iter().copied()) {
        command.args(["--set", setting]);
    }
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(Worker(child))
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Asks the worker's own metrics.
fn progress(admin: SocketAddr) -> anyhow::Result<Progress> {
    let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let value = |name: &str| {
        let mut values = text
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        values.next().with_context(|| format!("no {name}"))
    };
    Ok(Progress {
        at: Instant::now(),
        committed: value("copydesk_records_enriched_total ")?,
        tokens: value("copydesk_tokens_total ")?,
    })
}
