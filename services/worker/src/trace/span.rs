//! The spans of a batch and of its records.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{
    Link, Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

use crate::batch::Batch;
use crate::dead_letter::Reject;
use crate::record::{Header, Record};

/// The header that names the trace of a record, and the span in which it was sent.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// What all spans of a worker are made with.
pub(super) struct Maker {
    pub(super) tracer: SdkTracer,
    pub(super) topic: String,
    pub(super) group: String,
}

impl Maker {
    pub(super) fn begin(maker: &Arc<Self>, batch: &Batch) -> Option<BatchTrace> {
        let parents = batch.records.iter().filter_map(parent);
        let links: Vec<_> = parents.map(link).collect();
        if links.is_empty() {
            return None;
        }
        let count = i64::try_from(batch.records.len()).unwrap_or(i64::MAX);
        let attributes = [KeyValue::new("messaging.batch.message_count", count)];
        let span = maker
            .consumed("batch", batch.since(), attributes)
            .with_links(links);
        let span = maker.tracer.build_with_context(span, &Context::new());
        let trace = BatchTrace {
            maker: Arc::clone(maker),
            context: Context::new().with_span(span),
            since: batch.since(),
        };
        // It ends now: the batch is gathered.
        drop(trace.step(SpanBuilder::from_name("consume").with_start_time(trace.since)));
        Some(trace)
    }

    /// A span about what came from Kafka.
    fn consumed<const N: usize>(
        &self,
        what: &str,
        since: SystemTime,
        attributes: [KeyValue; N],
    ) -> SpanBuilder {
        let of_all = [
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.type", "process"),
            KeyValue::new("messaging.destination.name", self.topic.clone()),
            KeyValue::new("messaging.consumer.group.name", self.group.clone()),
        ];
        SpanBuilder::from_name(format!("{what} {}", self.topic))
            .with_kind(SpanKind::Consumer)
            .with_start_time(since)
            .with_attributes(of_all.into_iter().chain(attributes))
    }
}

/// The trace of a batch. Its span ends when this is dropped.
pub(crate) struct BatchTrace {
    maker: Arc<Maker>,
    context: Context,
    since: SystemTime,
}

impl BatchTrace {
    /// A call of a stage with so many articles, from now on.
    pub(crate) fn stage(&self, name: &str, articles: usize) -> Step {
        let articles = i64::try_from(articles).unwrap_or(i64::MAX);
        let span = SpanBuilder::from_name(format!("stage {name}"));
        self.step(span.with_attributes([KeyValue::new("copydesk.articles", articles)]))
    }

    /// A try to commit the batch, from now on.
    pub(crate) fn commit(&self) -> Step {
        self.step(SpanBuilder::from_name("commit"))
    }

    fn step(&self, span: SpanBuilder) -> Step {
        Step(self.maker.tracer.build_with_context(span, &self.context))
    }

    /// The span of a record of the batch, where its trace is sampled.
    pub(crate) fn record(&self, record: &Record) -> Option<RecordTrace> {
        let parent = Context::new().with_remote_span_context(parent(record)?);
        let partition = record.partition.to_string();
        let attributes = [
            KeyValue::new("messaging.destination.partition.id", partition),
            KeyValue::new("messaging.kafka.offset", record.kafka_offset),
        ];
        let span = self.maker.consumed("process", self.since, attributes);
        let span = span.with_links(vec![link(self.context.span().span_context().clone())]);
        Some(RecordTrace(
            self.maker.tracer.build_with_context(span, &parent),
        ))
    }
}

/// A step of a batch. It ends when this is dropped.
pub(crate) struct Step(SdkSpan);

impl Step {
    /// Ends a step, if there is one, and notes why it has failed, if it has.
    pub(crate) fn end(step: Option<Self>, failure: Option<String>) {
        if let (Some(Self(mut span)), Some(failure)) = (step, failure) {
            span.set_status(Status::error(failure));
        }
    }
}

/// The span of a record.
pub(crate) struct RecordTrace(SdkSpan);

impl RecordTrace {
    /// The header of what the record becomes.
    pub(crate) fn header(&self) -> Header {
        let span = self.0.span_context();
        let value = format!("00-{}-{}-01", span.trace_id(), span.span_id());
        (TRACEPARENT.to_owned(), Some(value.into_bytes()))
    }

    /// Ends the span of a record that is committed, as an article or a dead letter.
    pub(crate) fn end(mut self, rejected: Option<&Reject>) {
        if let Some(Reject {
            stage,
            reason,
            detail,
        }) = rejected
        {
            self.0
                .set_attribute(KeyValue::new("copydesk.stage", *stage));
            self.0
                .set_attribute(KeyValue::new("copydesk.reason", *reason));
            self.0.set_status(Status::error(detail.clone()));
        }
        self.0.end();
    }
}

impl Drop for RecordTrace {
    fn drop(&mut self) {
        // Does nothing to a span that has ended.
        self.0
            .set_status(Status::error("not committed: it is read again"));
    }
}

/// The span that a record came with, where it is sampled.
pub(crate) fn parent(record: &Record) -> Option<SpanContext> {
    record.header(TRACEPARENT)?;
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), record);
    let parent = context.span().span_context().clone();
    parent.is_sampled().then_some(parent)
}

fn link(to: SpanContext) -> Link {
    Link::new(to, Vec::new(), 0)
}

impl Extractor for Record {
    fn get(&self, name: &str) -> Option<&str> {
        self.header(name)
    }

    fn keys(&self) -> Vec<&str> {
        self.text_headers().map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(traceparent: &str) -> Record {
        let header = (
            "Traceparent".to_owned(),
            Some(traceparent.as_bytes().to_vec()),
        );
        Record {
            headers: vec![header],
            ..Record::sample(b"")
        }
    }

    #[test]
    fn parent_is_a_sampled_span() {
        let record = record("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

        let parent = parent(&record).unwrap();

        assert_eq!(
            parent.trace_id().to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
    }

    #[test]
    fn what_is_not_sampled_or_no_trace_is_no_parent() {
        let others = [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-01",
            "Zoë 👩‍🚀",
            "",
        ];

        for traceparent in others {
            assert!(parent(&record(traceparent)).is_none(), "{traceparent}");
        }
        assert!(parent(&Record::sample(b"")).is_none());
    }
}
