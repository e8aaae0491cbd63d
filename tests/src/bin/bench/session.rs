//! Workers between topics of their own, from warm to dropped.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use copydesk_tests::{Broker, Topic, wait_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};

use crate::articles::Articles;
use crate::post::{Lane, PARTITIONS, Post, Worker};
use crate::reader::Reader;
use crate::run::{Latency, Run};
use crate::scaling::RECORD_BYTES;
use crate::usage::Watch;

/// What takes longer has failed.
const LIMIT: Duration = Duration::from_secs(3600);
const START_LIMIT: Duration = Duration::from_secs(300);

type Producer = ThreadedProducer<DefaultProducerContext>;

/// Workers that are ready and warm.
pub(crate) struct Session {
    workers: Vec<Worker>,
    reader: Reader,
    producer: Producer,
    raw: Topic,
    pub(crate) watch: Watch,
    start_seconds: f64,
    /// Articles sent so far, and so the number of the next.
    sent: usize,
}

impl Session {
    /// Starts workers on topics of their own, and warms them up.
    pub(crate) fn open(
        posts: impl FnOnce(&Lane) -> anyhow::Result<Vec<Post>>,
        warm_up: &[String],
    ) -> anyhow::Result<Self> {
        let lane = Lane::fresh(Broker::shared());
        let reader = Reader::start(lane.bootstrap, &lane.enriched)?;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", lane.bootstrap)
            .set("linger.ms", "0")
            .set("message.max.bytes", RECORD_BYTES.to_string())
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "2000000")
            .create()?;
        let started = Instant::now();
        let workers = posts(&lane)?.into_iter().map(Post::fill);
        let workers = workers.collect::<anyhow::Result<Vec<Worker>>>()?;
        let watch = Watch::start(workers.iter().map(Worker::id).collect());
        let raw = lane.raw;
        let mut session = Self {
            workers,
            reader,
            producer,
            raw,
            watch,
            start_seconds: 0.0,
            sent: 0,
        };
        session.warm_up(warm_up, started)?;
        Ok(session)
    }

    fn warm_up(&mut self, articles: &[String], started: Instant) -> anyhow::Result<()> {
        let (first, others) = articles.split_first().context("articles to warm up with")?;
        self.send(first)?;
        let seen = self.wait(0, START_LIMIT)?;
        self.start_seconds = (seen[0] - started).as_secs_f64();
        wait_until("the workers share the partitions", START_LIMIT, || {
            self.workers.iter().all(Worker::is_ready)
        });
        for line in others {
            self.send(line)?;
        }
        self.wait(1, LIMIT).map(drop)
    }

    /// Has them work off articles that are there all at once.
    pub(crate) fn backlog(&mut self, articles: &Articles) -> anyhow::Result<Run> {
        let (cpu, tokens) = (self.watch.cpu_seconds(), self.tokens());
        let (began, first) = (Instant::now(), self.sent);
        for line in &articles.lines {
            self.send(line)?;
        }
        let seen = self.wait(first, LIMIT)?;
        let last = seen.iter().max().context("there are articles")?;
        Ok(Run {
            start_seconds: self.start_seconds,
            seconds: (*last - began).as_secs_f64(),
            articles: articles.lines.len(),
            words: articles.words,
            tokens: self.tokens().zip(tokens).map(|(now, before)| now - before),
            cpu_seconds: self.watch.cpu_seconds() - cpu,
            peak_mib: self.watch.peak_mib(),
        })
    }

    /// Sends articles at a constant rate, whatever has come out; each waits from when it was due.
    pub(crate) fn paced(
        &mut self,
        lines: impl Iterator<Item = anyhow::Result<String>>,
        rate: f64,
    ) -> anyhow::Result<Latency> {
        let (began, first) = (Instant::now(), self.sent);
        let mut due = Vec::new();
        for (i, line) in lines.enumerate() {
            let line = line?;
            let time = began + Duration::from_secs_f64(i as f64 / rate);
            until(time);
            self.send(&line)?;
            due.push(time);
        }
        let seen = self.wait(first, LIMIT)?;
        let waits: Vec<_> = seen
            .iter()
            .zip(due)
            .map(|(seen, due)| *seen - due)
            .collect();
        ensure!(!waits.is_empty(), "there are no articles to pace");
        Ok(Latency::of(&waits, rate))
    }

    /// Sends articles, each when the one before is seen.
    pub(crate) fn single(&mut self, articles: &Articles) -> anyhow::Result<Latency> {
        let mut waits = Vec::new();
        for line in &articles.lines {
            let (sent, first) = (Instant::now(), self.sent);
            self.send(line)?;
            waits.push(self.wait(first, START_LIMIT)?[0] - sent);
        }
        Ok(Latency::of(&waits, 0.0))
    }

    fn send(&mut self, line: &str) -> anyhow::Result<()> {
        let key = self.sent.to_string();
        let record = BaseRecord::to(&self.raw.name)
            .partition((self.sent % PARTITIONS as usize) as i32)
            .key(&key)
            .payload(line);
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| anyhow!(error).context("cannot produce"))?;
        self.sent += 1;
        Ok(())
    }

    /// Waits until all that was sent is seen; when it was, from the article of a number on.
    fn wait(&mut self, first: usize, limit: Duration) -> anyhow::Result<Vec<Instant>> {
        let mut seen = None;
        let mut ended = false;
        wait_until("all articles are enriched", limit, || {
            seen = self.reader.times(first..self.sent);
            ended = self.workers.iter_mut().any(Worker::has_ended);
            seen.is_some() || ended
        });
        ensure!(!ended, "a worker has ended: what it said is above");
        seen.context("it was just there")
    }

    /// Tokens of the articles so far; `None` where no worker says.
    fn tokens(&self) -> Option<f64> {
        let tokens = self.workers.iter().filter_map(Worker::tokens);
        tokens.reduce(|sum, tokens| sum + tokens)
    }
}

fn until(time: Instant) {
    while let Some(left) = time.checked_duration_since(Instant::now()) {
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}
