//! A trace goes through the program: in by a record's header, out by the enriched record's.

use copydesk_tests::{Collector, Record, secs, wait_until};

use crate::article::{id, raw};
use crate::desk::{Desk, get};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn article_is_traced_through_every_stage() {
    let (desk, collector) = (Desk::fresh(), Collector::start());
    let endpoint = format!("tracing.endpoint={}", collector.endpoint());
    let worker = desk.run("enrich", &["--set", &endpoint]);
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");

    desk.produce(5);
    let traced = Record::new(raw(5))
        .key(id(5))
        .header("traceparent", traceparent);
    desk.topics.raw.produce([traced]);
    let enriched = desk.topics.enriched.wait_committed(6, secs(180));
    wait_until("all spans are exported", secs(60), || {
        let metrics = get(&worker, "/metrics").1;
        metrics.contains("copydesk_spans_total{outcome=\"exported\"} 7")
    });

    let spans = collector.spans();
    let record = spans.iter().find(|span| span.trace_id == TRACE).unwrap();
    assert_eq!(record.parent_id, "b7ad6b7169203331");
    let (batch_trace, batch) = &record.links[0];
    let steps = spans.iter().filter(|span| &span.parent_id == batch);
    let mut steps: Vec<_> = steps.map(|span| span.name.as_str()).collect();
    steps.sort_unstable();
    assert_eq!(
        steps,
        [
            "commit",
            "consume",
            "stage classify",
            "stage clean",
            "stage ner"
        ]
    );
    assert!(
        spans
            .iter()
            .all(|span| [TRACE, batch_trace].contains(&span.trace_id.as_str()))
    );
    let carried = enriched.iter().find(|record| record.id() == id(5)).unwrap();
    let header = format!("00-{TRACE}-{}-01", record.id);
    assert_eq!(carried.header_text("traceparent"), header);
}
