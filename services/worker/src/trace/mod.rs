//! Traces: where the time of a record went, for a collector that takes OTLP.
//!
//! A record takes its trace with it in its headers (W3C Trace Context). One whose trace is sampled
//! gets a span here, a child of the span that it came with, from the begin of its batch to its
//! commit; what it becomes takes that span on. A batch with such a record has a trace of its own,
//! with a link to each: how it was gathered, each call of a stage, each try to commit it.
//!
//! Without an endpoint there is no [`Tracer`], and headers pass as they came.

mod client;
mod queue;
pub(crate) mod span;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use self::queue::Queue;
use self::span::Maker;
pub(crate) use self::span::{BatchTrace, RecordTrace, Step, TRACEPARENT};
use crate::batch::Batch;
use crate::config::Config;
use crate::{Error, Metrics};

/// At the end, what is not exported by then is given up.
const FLUSH: Duration = Duration::from_secs(1);

/// Makes spans, which go to the collector in the background.
pub(crate) struct Tracer {
    provider: SdkTracerProvider,
    maker: Arc<Maker>,
}

impl Tracer {
    /// None where the settings name no collector. Nothing is connected yet.
    pub(crate) fn open(config: &Config, metrics: &Metrics) -> Result<Option<Self>, Error> {
        if config.tracing.endpoint.is_empty() {
            return Ok(None);
        }
        let instance = config.kafka.instance.clone();
        let resource = Resource::builder()
            .with_service_name(format!("copydesk.{}", config.service))
            .with_attribute(KeyValue::new("service.instance.id", instance))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            // Whether a record is traced was decided where its trace began.
            .with_sampler(Sampler::AlwaysOn)
            .with_span_processor(Queue::start(&config.tracing, &resource, metrics)?)
            .with_resource(resource)
            .build();
        let maker = Maker {
            tracer: provider.tracer("copydesk"),
            topic: config.topics.input.clone(),
            group: config.kafka.group.clone(),
        };
        let maker = Arc::new(maker);
        Ok(Some(Self { provider, maker }))
    }

    /// Begins the trace of a batch, if it has a record whose trace is sampled.
    pub(crate) fn begin(&self, batch: &Batch) -> Option<BatchTrace> {
        Maker::begin(&self.maker, batch)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last spans are not exported");
        }
    }
}
