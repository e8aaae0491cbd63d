//! `copydesk text`: files to enriched records, without Kafka.
//!
//! Three threads with bounded queues between them: one reads, this one runs the stages, one writes.
//! The order of the inputs is kept.

use std::io::{self, IsTerminal, stderr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use copydesk_proto::Article;
use copydesk_worker::Pipeline;
use copydesk_worker::config::Batch;

use crate::cli::TextArgs;
use crate::config::Config;
use crate::input::{self, Kind, Layout, Options, Raw};
use crate::output::Output;
use crate::present::Printable;
use crate::stages::{Builder, Draft};
use crate::{Outcome, model};

/// Articles that wait for the stages: enough to fill a batch without a pause.
const ARTICLES_WAITING: usize = 32;

/// Batches that wait for the writer: enough to write one while the next is in work.
const BATCHES_WAITING: usize = 2;

/// Articles in the first batch, so that the first record comes soon; each further one is twice as large.
const FIRST_BATCH: usize = 16;

/// Enriches all inputs, in order.
pub(crate) fn run(args: &TextArgs, config: &Config) -> anyhow::Result<Outcome> {
    let model = model::find(&config.model, &args.stages)?;
    let registry = prometheus::Registry::new();
    let builder = Builder::new(&args.stages, config, &registry)?;
    let mut pipeline = builder.build(&model)?.pipeline;
    let started = Instant::now();
    let mut tally = Tally::default();

    let (reader, articles) = start_reader(args)?;
    let writer = Writer::start(args)?;
    let mut batches = Batches::new(articles, &config.batch);
    while let Some(batch) = batches.next() {
        if !writer.send(enrich(&mut pipeline, batch, &mut tally)) {
            // Nobody reads on, so the reader, who may wait for input, is left to itself.
            writer.finish()?;
            return Ok(Outcome::Complete);
        }
    }
    writer.finish()?;
    tally.failed += reader.join().expect("the reader does not panic");
    if args.verbose || stderr().is_terminal() {
        eprintln!("{}", tally.summary(started.elapsed()));
    }
    Ok(tally.outcome())
}

/// Runs a batch through the stages; names the articles that fail there.
fn enrich(pipeline: &mut Pipeline<Draft>, batch: Vec<Article>, tally: &mut Tally) -> Vec<Article> {
    let ids: Vec<String> = batch.iter().map(|article| article.id.clone()).collect();
    let mut enriched = Vec::with_capacity(batch.len());
    for (result, id) in pipeline.run(batch).into_iter().zip(ids) {
        match result {
            Ok(article) => {
                tally.count(&article);
                enriched.push(article);
            }
            Err(reject) => {
                tally.failed += 1;
                let why = format!("{id}: stage {}: {}", reject.stage, reject.detail);
                eprintln!("copydesk: {}", Printable(&why));
            }
        }
    }
    enriched
}

/// Reads and decodes; names what cannot be read, and returns how many that were.
fn start_reader(args: &TextArgs) -> anyhow::Result<(JoinHandle<u64>, Receiver<Article>)> {
    let (sender, articles) = sync_channel(ARTICLES_WAITING);
    let files = args.files.clone();
    let stdin = if args.jsonl {
        Layout::Lines
    } else {
        Layout::Whole(Kind::Text)
    };
    let options = Options {
        jsonl: args.jsonl,
        stdin,
    };
    let read = move || {
        let mut unread = 0;
        for raw in input::read(files, options) {
            match raw.and_then(decode) {
                Ok(article) => {
                    if sender.send(article).is_err() {
                        break;
                    }
                }
                Err(error) => {
                    unread += 1;
                    eprintln!("copydesk: {error:#}");
                }
            }
        }
        unread
    };
    let reader = thread::Builder::new().name("read".to_owned()).spawn(read);
    Ok((reader.context("start the reading thread")?, articles))
}

fn decode(raw: Raw) -> anyhow::Result<Article> {
    let article = raw.decode();
    let mut article = article.with_context(|| format!("cannot read {}", raw.origin))?;
    if article.id.is_empty() {
        article.id = raw.origin;
    }
    Ok(article)
}

/// The thread that writes batches as they come, until nobody reads on.
struct Writer {
    batches: SyncSender<Vec<Article>>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Writer {
    fn start(args: &TextArgs) -> anyhow::Result<Self> {
        let (sender, batches) = sync_channel(BATCHES_WAITING);
        let mut output = Output::new(args.format);
        let write = move || write(&batches, &mut output).context("write the records");
        let thread = thread::Builder::new().name("write".to_owned()).spawn(write);
        Ok(Self {
            batches: sender,
            thread: thread.context("start the writing thread")?,
        })
    }

    /// Hands a batch over; `false` when it will not be written.
    fn send(&self, batch: Vec<Article>) -> bool {
        self.batches.send(batch).is_ok()
    }

    /// Waits until all is written.
    fn finish(self) -> anyhow::Result<()> {
        drop(self.batches);
        self.thread.join().expect("the writer does not panic")
    }
}

fn write(batches: &Receiver<Vec<Article>>, output: &mut Output) -> io::Result<()> {
    for batch in batches {
        for article in &batch {
            if !output.write(article)? {
                return Ok(());
            }
        }
        if !output.flush()? {
            return Ok(());
        }
    }
    Ok(())
}

/// Cuts the stream of articles into batches.
struct Batches {
    articles: Receiver<Article>,
    max_records: usize,
    max_bytes: usize,
    linger: Duration,
    next_records: usize,
}

impl Batches {
    fn new(articles: Receiver<Article>, settings: &Batch) -> Self {
        Self {
            articles,
            max_records: settings.max_records,
            max_bytes: settings.max_bytes,
            linger: Duration::from_millis(settings.linger_ms),
            next_records: FIRST_BATCH,
        }
    }

    /// Waits for a first article, and a little for others; `None` at the end.
    fn next(&mut self) -> Option<Vec<Article>> {
        let first = self.articles.recv().ok()?;
        let deadline = Instant::now() + self.linger;
        let most = self.next_records.min(self.max_records);
        self.next_records = most * 2;
        let mut bytes = size(&first);
        let mut batch = vec![first];
        while batch.len() < most && bytes < self.max_bytes {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let Ok(article) = self.articles.recv_timeout(remaining) else {
                break;
            };
            bytes += size(&article);
            batch.push(article);
        }
        Some(batch)
    }
}

fn size(article: &Article) -> usize {
    article.text.len() + article.html.len() + article.metadata.len()
}

/// What went through, and what did not.
#[derive(Default)]
struct Tally {
    articles: u64,
    words: usize,
    failed: u64,
}

impl Tally {
    fn count(&mut self, article: &Article) {
        self.articles += 1;
        self.words += article.text.split_whitespace().count();
    }

    fn summary(&self, time: Duration) -> String {
        let Self {
            articles, words, ..
        } = self;
        let seconds = time.as_secs_f64();
        let speed = *words as f64 / seconds;
        format!("{articles} articles, {words} words, {seconds:.1} s, {speed:.0} words/s")
    }

    fn outcome(&self) -> Outcome {
        if self.failed == 0 {
            Outcome::Complete
        } else {
            Outcome::Incomplete
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(articles: usize, max_records: usize, max_bytes: usize) -> Vec<usize> {
        let (sender, receiver) = sync_channel(articles);
        for _ in 0..articles {
            let text = "Zoë 👩‍🚀 in Zürich".to_owned();
            sender
                .send(Article {
                    text,
                    ..Article::default()
                })
                .unwrap();
        }
        drop(sender);
        let settings = Batch {
            max_records,
            max_bytes,
            linger_ms: 60_000,
        };
        let mut batches = Batches::new(receiver, &settings);
        std::iter::from_fn(|| batches.next())
            .map(|batch| batch.len())
            .collect()
    }

    #[test]
    fn batches_grow_to_the_most_records() {
        assert_eq!(batches(100, 40, 1 << 20), [16, 32, 40, 12]);
    }

    #[test]
    fn one_article_is_a_batch_however_large() {
        assert_eq!(batches(3, 40, 1), [1, 1, 1]);
    }
}
