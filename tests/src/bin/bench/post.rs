//! Workers of a topic, and where they stand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use copydesk_tests::{Broker, Topic};

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 4;

/// Topics from raw articles to finished ones.
pub(crate) struct Lane {
    pub(crate) bootstrap: &'static str,
    pub(crate) raw: Topic,
    pub(crate) tagged: Topic,
    pub(crate) enriched: Topic,
    pub(crate) dead_letters: Topic,
}

/// A worker that is to be started.
pub(crate) struct Post {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// Where it shows its metrics, if it does.
    pub(crate) admin: Option<Admin>,
}

/// What can be asked of a worker that shows its metrics.
#[derive(Clone, Copy)]
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
    /// Partitions that it is to have.
    pub(crate) partitions: usize,
    /// Whether it reads raw articles, so that its tokens are those of the articles.
    pub(crate) reads_raw: bool,
}

/// A worker at work; it ends when this is dropped.
pub(crate) struct Worker {
    child: Child,
    admin: Option<Admin>,
}

impl Lane {
    /// Topics of its own.
    pub(crate) fn fresh(broker: &'static Broker) -> Self {
        let topic = |stem| Topic::fresh(broker, stem, PARTITIONS, &[]);
        Self {
            bootstrap: broker.bootstrap(),
            raw: topic("raw"),
            tagged: topic("tagged"),
            enriched: topic("enriched"),
            dead_letters: topic("dlq"),
        }
    }
}

impl Post {
    /// Starts the worker.
    pub(crate) fn fill(self) -> anyhow::Result<Worker> {
        let child = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok(Worker {
            child,
            admin: self.admin,
        })
    }
}

impl Worker {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has the partitions that it is to have; true of one that does not say.
    pub(crate) fn is_ready(&self) -> bool {
        self.admin.is_none_or(|admin| {
            self.metric("copydesk_partitions_assigned") == Some(admin.partitions as f64)
        })
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Tokens of raw articles that it has read; `None` of one that does not say.
    pub(crate) fn tokens(&self) -> Option<f64> {
        self.admin.filter(|admin| admin.reads_raw)?;
        self.metric("copydesk_tokens_total")
    }

    /// A metric without labels; `None` where it is not shown.
    fn metric(&self, name: &str) -> Option<f64> {
        let text = metrics(self.admin?.address).ok()?;
        let mut values = text
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.next()?.parse().ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An address that nothing listens on.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn metrics(admin: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
