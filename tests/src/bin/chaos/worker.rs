//! The worker process: the real worker, with a stage that costs nothing.

use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use copydesk_proto::{Article, Format};
use copydesk_worker::config::{
    Batch, Delivery, Input, InputFormat, Kafka, Limits, Output, Properties, Retry, Topics, Tracing,
};
use copydesk_worker::{
    Budget, Config, Error, Health, Metrics, Pipeline, Shutdown, Stage, StageError, Worker,
};
use signal_hook::consts::{SIGKILL, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::raise;
use tracing_subscriber::EnvFilter;

use crate::article::{MAX_VALUE_BYTES, transformed};
use crate::orders::{MAX_POLL_INTERVAL, Orders, SESSION, TRANSACTION};
use crate::planted;

/// How a worker ends that another one with its identity has fenced.
pub(crate) const FENCED: u8 = 3;

/// Works until SIGTERM, as ordered.
pub(crate) fn run(orders: &str) -> anyhow::Result<ExitCode> {
    let orders: Orders = serde_json::from_str(orders).context("cannot read the orders")?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    if let Some(fuse) = &orders.fuse {
        fuse.lay()?;
    }
    let shutdown = Shutdown::new();
    stop_on_sigterm(&shutdown)?;
    end_with_parent();
    if let Some(plant) = orders.plant {
        return planted::run(plant, &orders, &shutdown);
    }
    let metrics = Metrics::new("chaos");
    let health = Health::new(&metrics);
    let pipeline = Pipeline::new(vec![Box::new(Transform)]);
    let worker = Worker::new(config(&orders), pipeline, metrics, health)?;
    match worker.run(&shutdown) {
        Err(error @ (Error::Fenced { .. } | Error::Replaced { .. })) => {
            tracing::warn!(%error, "fenced");
            Ok(ExitCode::from(FENCED))
        }
        ended => Ok(ended.map(|()| ExitCode::SUCCESS)?),
    }
}

fn stop_on_sigterm(shutdown: &Shutdown) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGTERM])?;
    let shutdown = shutdown.clone();
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            shutdown.request();
        }
    });
    Ok(())
}

/// A worker whose checker was killed would go on for ever.
fn end_with_parent() {
    let parent = parent_id();
    thread::spawn(move || {
        while parent_id() == parent {
            thread::park_timeout(Duration::from_secs(1));
        }
        raise(SIGKILL)
    });
}

/// The default settings but for times, which are short, so that much goes wrong in a minute.
fn config(orders: &Orders) -> Config {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let member = match orders.is_static {
        true => orders.instance.clone(),
        false => String::new(),
    };
    Config {
        service: "chaos".to_owned(),
        kafka: Kafka {
            brokers: orders.brokers.clone(),
            group: orders.group.clone(),
            instance: orders.instance.clone(),
            transactional_id: orders.transactional_id(),
            delivery: Delivery::ExactlyOnce,
            group_instance_id: member,
            assignment: orders.assignment.clone(),
            session_timeout_ms: ms(SESSION),
            max_poll_interval_ms: ms(MAX_POLL_INTERVAL),
            transaction_timeout_ms: ms(TRANSACTION),
            request_timeout_ms: 2_000,
            commit_timeout_ms: 4_000,
            stop_timeout_ms: 4_000,
            max_record_bytes: 1 << 20,
            prefetch_bytes: 1 << 20,
            librdkafka: Properties::default(),
        },
        topics: Topics {
            input: orders.input.clone(),
            output: orders.output.clone(),
            dead_letters: orders.dead_letters.clone(),
        },
        input: Input {
            format: InputFormat::Auto,
        },
        output: Output {
            format: Format::Json,
            compression: "none".to_owned(),
        },
        batch: Batch {
            max_records: 64,
            max_bytes: 1 << 19,
            linger_ms: 20,
        },
        limits: Limits {
            max_value_bytes: MAX_VALUE_BYTES,
            article_timeout_ms: ms(MAX_POLL_INTERVAL) / 2,
            stall_timeout_ms: ms(MAX_POLL_INTERVAL),
        },
        retry: Retry {
            initial_ms: 50,
            max_ms: 500,
            max_attempts: 5,
        },
        tracing: Tracing {
            endpoint: String::new(),
            timeout_ms: 1_000,
            max_queue_spans: 1,
        },
    }
}

/// Transforms the text, and panics on poison.
struct Transform;

impl Stage<Article> for Transform {
    fn name(&self) -> &'static str {
        "transform"
    }

    fn process(&mut self, articles: &mut [Article], _: &Budget) -> Result<(), StageError> {
        for article in articles {
            article.text = transformed(&article.text);
        }
        Ok(())
    }
}
