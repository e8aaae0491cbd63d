//! The whole path: articles in, enriched records out, once each.

use std::collections::BTreeMap;
use std::fs;

use copydesk_proto::{Article, Format, decode};
use copydesk_tests::{Record, secs, wait_until};

use crate::article::{assert_positions, id, ids, jsonl, raw, raws};
use crate::desk::{Desk, articles, get, ids_of};

/// Scores of one article in batches of different sizes: the order of additions differs.
const TOLERANCE: f32 = 1e-3;

#[test]
fn articles_come_out_once_with_entities_and_topics() {
    let desk = Desk::fresh();
    let _worker = desk.run("enrich", &[]);

    desk.produce(60);
    let records = desk.enriched(60);

    assert_eq!(ids_of(&records), ids(60));
    assert!(records.iter().all(|record| !record.entities.is_empty()));
    assert!(records.iter().any(|record| !record.topics.is_empty()));
    for (record, raw) in records.iter().zip(raws(60)) {
        assert_positions(record, &decode(raw.as_bytes(), Format::Json, []).unwrap());
        assert_eq!(record.provenance.as_ref().unwrap().stages.len(), 3);
    }
}

#[test]
fn body_of_no_words_is_a_record_with_a_flag() {
    let desk = Desk::fresh();
    let _worker = desk.run("enrich", &[]);

    desk.topics
        .raw
        .produce([Record::new(r#"{"id": "blank", "text": " \r\n"}"#)]);
    let records = desk.enriched(1);

    assert_eq!(records[0].flags, ["empty"]);
    assert!(records[0].entities.is_empty() && records[0].topics.is_empty());
    assert!(desk.topics.dead_letters.drain_committed().is_empty());
}

#[test]
fn fed_articles_can_be_tailed() {
    let desk = Desk::fresh();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jsonl"), jsonl(10)).unwrap();
    fs::write(folder.path().join("b.txt"), "Zoë 👩‍🚀 in Zürich.").unwrap();
    fs::write(
        folder.path().join("c.html"),
        "<p>Angela Merkel spoke in Berlin.</p>",
    )
    .unwrap();
    let _worker = desk.run("enrich", &[]);

    let fed = desk.command(&["feed", folder.path().to_str().unwrap()]);
    let json = desk.command(&[
        "tail",
        "--max",
        "12",
        "--timeout-s",
        "60",
        "--format",
        "json",
    ]);
    let pretty = desk.command(&["tail", "--max", "12", "--timeout-s", "60"]);

    assert_eq!(fed.code, Some(0), "{}", fed.stderr);
    let line = format!("fed 12 articles to {}", desk.topics.raw.name);
    assert!(fed.stderr.contains(&line), "{}", fed.stderr);
    assert_eq!(json.code, Some(0), "{}", json.stderr);
    assert_eq!(json.records().len(), 12);
    assert!(json.ids().contains(&id(9)));
    assert_eq!(pretty.code, Some(0), "{}", pretty.stderr);
    assert!(pretty.stdout.contains("Angela Merkel"), "{}", pretty.stdout);
}

#[test]
fn killed_worker_loses_and_doubles_nothing() {
    let desk = Desk::fresh();
    let small_batches = [
        "--set",
        "batch.max_records=8",
        "--set",
        "kafka.session_timeout_ms=2000",
    ];
    let mut first = desk.run("enrich", &small_batches);

    desk.produce(200);
    let before = desk.topics.enriched.wait_committed(16, secs(60));
    first.kill();
    let _second = desk.run("enrich", &small_batches);
    let records = desk.enriched(200);

    assert!(
        before.len() < 200,
        "the kill came too late to be in the middle"
    );
    assert_eq!(ids_of(&records), ids(200));
}

#[test]
fn terminated_worker_ends_well_and_in_time() {
    let desk = Desk::fresh();
    let mut worker = desk.run("enrich", &["--set", "batch.max_records=8"]);

    desk.produce(100);
    desk.topics.enriched.wait_committed(8, secs(60));
    worker.signal("TERM");
    let status = worker.wait_exit(secs(10));
    let _next = desk.run("enrich", &[]);

    assert_eq!(status.code(), Some(0));
    assert_eq!(ids_of(&desk.enriched(100)), ids(100));
}

#[test]
fn terminated_worker_leaves_a_batch_that_takes_too_long() {
    let desk = Desk::fresh();
    let mut worker = desk.run("enrich", &[]);
    // No two sentences alike: what was read before takes no time.
    let sentence = |i| format!("Zoë Kravitz 👩‍🚀 flew from Zürich to São Paulo with {i} others. ");
    let text: String = (0..30_000).map(sentence).collect();
    let long = serde_json::json!({"id": "long", "text": text}).to_string();

    worker.wait_log("partitions assigned", secs(60));
    desk.topics.raw.produce([Record::new(long)]);
    wait_until("the batch is in hand", secs(60), || {
        value(&get(&worker, "/metrics").1, "copydesk_batches_total") > 0.0
    });
    worker.signal("TERM");
    let status = worker.wait_exit(secs(10));

    assert_eq!(status.code(), Some(0));
    assert!(
        worker.log().contains("will be read again"),
        "{}",
        worker.log()
    );
    assert!(desk.topics.enriched.drain_committed().is_empty());
}

/// The value of a metric without labels, in the text that Prometheus reads.
fn value(metrics: &str, name: &str) -> f64 {
    let mut lines = metrics.lines();
    let line = lines.find(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    let line = line.unwrap_or_else(|| panic!("no {name} in {metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn two_services_in_a_row_give_what_one_gives() {
    let (whole, split) = (Desk::fresh(), Desk::fresh());
    // Not bf16, whose steps are larger than the difference that is looked for.
    let exact = ["--set", "encoder.precision=fp32"];
    let _enrich = whole.run("enrich", &exact);
    let _ner = split.run("ner", &exact);
    let classify = split.run("classify", &exact);

    whole.produce(60);
    split.produce(60);
    let (whole, split) = (whole.enriched(60), split.enriched(60));

    for (one, other) in whole.iter().zip(&split) {
        assert_same(one, other);
    }
    // The topic between them ends in a transaction's marker, which is no lag.
    wait_until("there is no lag", secs(30), || {
        let (_, metrics) = get(&classify, "/metrics");
        let mut lags = metrics
            .lines()
            .filter(|line| line.starts_with("copydesk_lag_records{"));
        lags.clone().count() == 2 && lags.all(|lag| lag.ends_with(" 0"))
    });
}

/// Asserts that two records say the same of one article; how they came to be may differ.
fn assert_same(one: &Article, other: &Article) {
    assert_eq!(bare(one), bare(other));
    assert_eq!(one.entities.len(), other.entities.len(), "{}", one.id);
    for (entity, twin) in one.entities.iter().zip(&other.entities) {
        assert!(
            (entity.score - twin.score).abs() < TOLERANCE,
            "{entity:?} {twin:?}"
        );
    }
    let scores = |article: &Article| -> BTreeMap<String, f32> {
        article
            .topics
            .iter()
            .map(|topic| (topic.code.clone(), topic.score))
            .collect()
    };
    let (topics, twins) = (scores(one), scores(other));
    assert!(topics.keys().eq(twins.keys()), "{topics:?} {twins:?}");
    for (score, twin) in topics.values().zip(twins.values()) {
        assert!((score - twin).abs() < TOLERANCE, "{topics:?} {twins:?}");
    }
}

/// The record without its scores and its provenance.
fn bare(record: &Article) -> Article {
    let mut record = record.clone();
    record.provenance = None;
    record.topics.clear();
    for entity in &mut record.entities {
        entity.score = 0.0;
    }
    record
}

#[test]
fn one_bad_record_among_a_thousand_is_one_dead_letter() {
    let desk = Desk::fresh();
    let records = (0..1000).map(|i| match i {
        500 => Record::new("{\"id\": \"bad\", \"text\": 3}"),
        _ => Record::new(raw(i)).key(id(i)),
    });
    let _worker = desk.run("enrich", &[]);

    desk.topics.raw.produce(records);
    let enriched = desk.enriched(999);

    let expected: Vec<_> = (0..1000).filter(|&i| i != 500).map(id).collect();
    assert_eq!(ids_of(&enriched), expected);
    let letters = desk.topics.dead_letters.wait_committed(1, secs(10));
    assert_eq!(letters.len(), 1);
    assert_eq!(
        letters[0].value.as_deref(),
        Some(&b"{\"id\": \"bad\", \"text\": 3}"[..])
    );
}

#[test]
fn records_keep_their_form_between_services() {
    let desk = Desk::fresh();
    let _ner = desk.run("ner", &["--set", "output.format=protobuf"]);
    let _classify = desk.run("classify", &[]);

    desk.produce(3);
    let records = desk.enriched(3);

    assert_eq!(articles(&desk.topics.enriched.drain_committed()).len(), 3);
    assert_eq!(
        records[0].metadata,
        "{\"number\":0,\"scraper\":[\"a\",null]}"
    );
}

#[test]
fn metrics_count_what_went_through() {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &[]);

    desk.produce(20);
    desk.enriched(20);
    // Readers may see a commit before the worker has counted it; lag is measured once a second.
    wait_until("20 are counted, and the lag is known", secs(20), || {
        let (_, metrics) = get(&worker, "/metrics");
        value(&metrics, "copydesk_records_enriched_total") >= 20.0
            && metrics.contains("copydesk_lag_records{")
    });
    let (status, metrics) = get(&worker, "/metrics");

    assert_eq!(status, 200);
    assert_eq!(value(&metrics, "copydesk_records_consumed_total"), 20.0);
    assert_eq!(value(&metrics, "copydesk_records_enriched_total"), 20.0);
    let tokens = ["copydesk_tokens_total", "copydesk_cache_tokens_total"];
    assert!(tokens.map(|name| value(&metrics, name)).iter().sum::<f64>() > 20.0 * 40.0);
    // Twenty articles have six different texts.
    assert!(value(&metrics, "copydesk_cache_hits_total") >= 14.0);
    assert!(value(&metrics, "copydesk_cache_bytes") > 0.0);
    for name in [
        "stage_seconds",
        "commit_seconds",
        "record_age_seconds",
        "lag_records",
        "batches_total",
    ] {
        assert!(
            metrics.contains(&format!("copydesk_{name}")),
            "no {name} in {metrics}"
        );
    }
    assert_eq!(get(&worker, "/healthz").0, 200);
    assert_eq!(get(&worker, "/readyz").0, 200);
}
