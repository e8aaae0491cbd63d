//! `copydesk run`: from a real broker to a real broker, exactly once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use copydesk_tests::{Broker, Record, Topics, secs, wait_until};

use crate::machine::peak_mib;

/// One run of the program over a topic.
pub(crate) struct Run {
    /// Tokens of all articles.
    pub(crate) tokens: f64,
    /// Tokens a second from the first commit to the last one.
    pub(crate) tokens_per_second: f64,
    /// Largest resident memory.
    pub(crate) peak_mib: f64,
}

/// What the worker had done at a moment.
struct Progress {
    at: Instant,
    committed: f64,
    tokens: f64,
}

/// Puts JSON lines on a topic, then has the program enrich them.
pub(crate) fn run(program: &Path, lines: &[String]) -> anyhow::Result<Run> {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 4);
    topics
        .raw
        .produce(lines.iter().map(|line| Record::new(line.as_str())));
    let admin = free_address()?;
    let worker = start(program, broker, &topics, admin)?;
    let mut first = None;
    let mut last = None;
    wait_until("all articles are enriched", secs(1800), || {
        let Ok(progress) = progress(admin) else {
            return false;
        };
        let done = progress.committed >= lines.len() as f64;
        if first.is_none() && progress.committed > 0.0 {
            first = Some(progress);
        } else {
            last = Some(progress);
        }
        done
    });
    let (first, last) = (
        first.context("something is committed")?,
        last.context("twice")?,
    );
    let peak_mib = peak_mib(worker.0.id()).context("the worker has ended")?;
    let seconds = (last.at - first.at).as_secs_f64();
    // Records say how far the commits are; tokens run a batch ahead of them.
    let share = (last.committed - first.committed) / last.committed;
    ensure!(share > 0.5, "too few articles for a figure");
    Ok(Run {
        tokens: last.tokens,
        tokens_per_second: last.tokens * share / seconds,
        peak_mib,
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
) -> anyhow::Result<Worker> {
    let settings = [
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
    for setting in settings {
        command.args(["--set", &setting]);
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
