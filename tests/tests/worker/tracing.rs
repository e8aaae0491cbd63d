//! Traces: taken from records, told to a collector, and passed on.

use std::net::TcpListener;

use copydesk_tests::{Broker, Collector, Record, Span, Topics, wait_until};
use copydesk_worker::Config;

use crate::worker::{Running, SOON, Shout, Tired, articles, assert_each_once, config};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn article(text: &str, traceparent: &str) -> Record {
    Record::new(text)
        .header("traceparent", traceparent)
        .header("tracestate", "desk=1")
}

fn traced(topics: &Topics, endpoint: &str) -> Config {
    let mut config = config(Broker::shared(), topics);
    config.tracing.endpoint = endpoint.to_owned();
    config
}

/// The spans, once there are some of this name.
fn spans_with(collector: &Collector, name: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    wait_until(&format!("a span {name}"), SOON, || {
        spans = collector.spans();
        spans.iter().any(|span| span.name == name)
    });
    spans
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut named = spans.iter().filter(|span| span.name == name);
    let span = named
        .next()
        .unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert_eq!(named.next(), None, "more than one {name}");
    span
}

#[test]
fn sampled_record_is_traced_and_takes_its_span_on() {
    let (collector, topics) = (Collector::start(), Topics::fresh(Broker::shared(), 1));
    let _worker = Running::start(traced(&topics, &collector.endpoint()));

    topics.raw.produce([article("a", &traceparent("01"))]);
    let enriched = topics.enriched.wait_committed(1, SOON);
    let batch = format!("batch {}", topics.raw.name);
    let spans = spans_with(&collector, &batch);

    let batch = named(&spans, &batch);
    let record = named(&spans, &format!("process {}", topics.raw.name));
    assert_eq!((&*record.trace_id, &*record.parent_id), (TRACE, PARENT));
    assert_eq!(record.links, [(batch.trace_id.clone(), batch.id.clone())]);
    assert_eq!(record.attributes["messaging.kafka.offset"], "0");
    assert_eq!(
        record.attributes["messaging.destination.name"],
        topics.raw.name
    );
    assert_eq!(
        record.attributes["service.name"],
        format!("copydesk.{}", topics.raw.name)
    );
    assert_eq!(record.error, None);
    assert_eq!(batch.links, [(TRACE.to_owned(), PARENT.to_owned())]);
    assert!(batch.parent_id.is_empty() && batch.trace_id != TRACE);
    for step in ["consume", "stage shout", "commit"] {
        let step = named(&spans, step);
        assert_eq!(
            (&step.trace_id, &step.parent_id),
            (&batch.trace_id, &batch.id)
        );
        assert!(
            batch.times.0 <= step.times.0 && step.times.1 <= batch.times.1,
            "{step:?}"
        );
    }
    let header = format!("00-{TRACE}-{}-01", record.id);
    assert_eq!(enriched[0].header_text("traceparent"), header);
    assert_eq!(enriched[0].header_text("tracestate"), "desk=1");
    let names = enriched[0].headers.iter().map(|(name, _)| name.as_str());
    assert_eq!(names.filter(|name| *name == "traceparent").count(), 1);
}

#[test]
fn record_that_is_not_sampled_passes_as_it_came() {
    let (collector, topics) = (Collector::start(), Topics::fresh(Broker::shared(), 1));
    let _worker = Running::start(traced(&topics, &collector.endpoint()));
    let others = [traceparent("00"), "nonsense".to_owned(), String::new()];

    topics
        .raw
        .produce(others.each_ref().map(|header| article("a", header)));
    topics.enriched.wait_committed(3, SOON);
    topics
        .raw
        .produce([Record::new("no header"), article("b", &traceparent("01"))]);
    let enriched = topics.enriched.wait_committed(5, SOON);
    let spans = spans_with(&collector, &format!("batch {}", topics.raw.name));

    let headers: Vec<_> = enriched
        .iter()
        .map(|record| record.header_text("traceparent"))
        .collect();
    assert_eq!(headers[..3], others);
    assert_eq!(headers[3], "");
    // Of the first batches there is nothing, of the last one record.
    assert_eq!(
        named(&spans, &format!("process {}", topics.raw.name)).attributes["messaging.kafka.offset"],
        "4"
    );
}

#[test]
fn failures_are_told_by_the_spans() {
    let (collector, topics) = (Collector::start(), Topics::fresh(Broker::shared(), 1));
    let stages = vec![Box::new(Tired { naps: 1 }) as _, Box::new(Shout) as _];
    let _worker = Running::start_with(traced(&topics, &collector.endpoint()), stages);

    topics.raw.produce([
        article("tired", &traceparent("01")),
        article("{", &traceparent("01")),
    ]);
    topics.enriched.wait_committed(1, SOON);
    let letters = topics.dead_letters.wait_committed(1, SOON);
    let spans = spans_with(&collector, &format!("batch {}", topics.raw.name));

    let tries: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "stage tired")
        .collect();
    let failed: Vec<_> = tries.iter().filter(|span| span.error.is_some()).collect();
    assert_eq!((tries.len(), failed.len()), (2, 1));
    let mut rejected = spans
        .iter()
        .filter(|span| span.attributes.contains_key("copydesk.reason"));
    let rejected = rejected.next().unwrap();
    assert_eq!(rejected.attributes["copydesk.reason"], "bad_json");
    assert!(rejected.error.is_some());
    // A dead letter is the record as it came: sent back, it goes on in the trace that it was in.
    assert_eq!(letters[0].header_text("traceparent"), traceparent("01"));
}

#[test]
fn collector_that_hangs_holds_no_record_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let topics = Topics::fresh(Broker::shared(), 1);
    let mut config = traced(&topics, &format!("http://{}", silent.local_addr().unwrap()));
    config.tracing.max_queue_spans = 8;
    config.tracing.timeout_ms = 60_000;
    let worker = Running::start(config);

    let records = articles(300, 10);
    topics.raw.produce(
        records
            .into_iter()
            .map(|record| record.header("traceparent", traceparent("01"))),
    );
    let enriched = topics.enriched.wait_committed(300, SOON);

    assert_each_once(&enriched, 300);
    wait_until("spans are dropped", SOON, || {
        worker.counter("copydesk_spans_total") > 200.0
    });
    // It ends while a request of a minute is under way.
    let (result, took) = worker.stop();
    result.unwrap();
    assert!(took < SOON / 2, "{took:?}");
}

#[test]
fn collector_that_is_gone_costs_its_spans_alone() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let topics = Topics::fresh(Broker::shared(), 1);
    let worker = Running::start(traced(&topics, &format!("http://{gone}")));

    topics.raw.produce([article("a", &traceparent("01"))]);
    topics.enriched.wait_committed(1, SOON);

    worker.wait_counter("copydesk_spans_total", 5.0);
    worker.stop().0.unwrap();
}
