//! Spans on their way to the collector: a queue with an end, which the worker never waits for.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use opentelemetry::Context;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use prometheus::IntCounter;
use tracing::{info, warn};

use super::client::Client;
use crate::config::Tracing;
use crate::metrics::{DROPPED, EXPORTED};
use crate::{Error, Metrics};

/// Most spans in one request.
const MAX_BATCH: usize = 512;
/// How long a first span waits for others.
const LINGER: Duration = Duration::from_secs(1);

/// Takes spans that have ended; drops and counts those for which there is no room.
#[derive(Debug)]
pub(super) struct Queue {
    /// None once it is closed.
    spans: Mutex<Option<SyncSender<SpanData>>>,
    /// Hangs up when the thread has ended.
    ended: Mutex<Receiver<()>>,
    dropped: IntCounter,
}

impl Queue {
    /// Starts the thread that exports.
    pub(super) fn start(
        config: &Tracing,
        resource: &Resource,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let (sender, spans) = sync_channel(config.max_queue_spans);
        let (running, ended) = sync_channel(0);
        let mut exporter = exporter(config)?;
        exporter.set_resource(resource);
        let exports = Exports {
            exporter,
            exported: metrics.spans.with_label_values(&[EXPORTED]),
            dropped: metrics.spans.with_label_values(&[DROPPED]),
            max_batch: MAX_BATCH.min(config.max_queue_spans),
            is_failing: false,
        };
        let dropped = exports.dropped.clone();
        let run = move || {
            exports.run(&spans);
            drop(running);
        };
        let name = "traces";
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        thread.map_err(|cause| Error::Thread { name, cause })?;
        Ok(Self {
            spans: Mutex::new(Some(sender)),
            ended: Mutex::new(ended),
            dropped,
        })
    }
}

fn exporter(config: &Tracing) -> Result<SpanExporter, Error> {
    let endpoint = format!("{}/v1/traces", config.endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new(config.timeout()))
        .with_timeout(config.timeout())
        .with_endpoint(endpoint)
        .build();
    exporter.map_err(|cause| Error::Tracing(Box::new(cause)))
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let spans = lock(&self.spans);
        let is_queued = spans
            .as_ref()
            .is_some_and(|spans| spans.try_send(span).is_ok());
        if !is_queued {
            self.dropped.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// Exports what is queued, for as long as there is time.
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        drop(lock(&self.spans).take());
        match lock(&self.ended).recv_timeout(timeout) {
            Err(RecvTimeoutError::Timeout) => Err(OTelSdkError::Timeout(timeout)),
            _ => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that exports.
struct Exports {
    exporter: SpanExporter,
    exported: IntCounter,
    dropped: IntCounter,
    max_batch: usize,
    is_failing: bool,
}

impl Exports {
    /// Exports until the queue is closed and empty.
    fn run(mut self, spans: &Receiver<SpanData>) {
        while let Ok(first) = spans.recv() {
            let deadline = Instant::now() + LINGER;
            let mut batch = vec![first];
            while batch.len() < self.max_batch {
                let left = deadline.saturating_duration_since(Instant::now());
                let Ok(span) = spans.recv_timeout(left) else {
                    break;
                };
                batch.push(span);
            }
            self.export(batch);
        }
    }

    fn export(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let result = block_on(self.exporter.export(batch));
        let was_failing = std::mem::replace(&mut self.is_failing, result.is_err());
        match result {
            Ok(()) => {
                self.exported.inc_by(count);
                if was_failing {
                    info!("spans are exported again");
                }
            }
            Err(error) => {
                self.dropped.inc_by(count);
                if !was_failing {
                    warn!(%error, "spans cannot be exported, they are dropped");
                }
            }
        }
    }
}
