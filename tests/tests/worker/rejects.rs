//! Records that cannot be enriched become dead letters, and stop nothing.

use copydesk_tests::{Broker, Record, Topic, Topics};

use crate::worker::{Running, SOON, articles, assert_each_once, config};

const STAGE: &str = "__connect.errors.stage";
const REASON: &str = "__connect.errors.class.name";
const DETAIL: &str = "__connect.errors.exception.message";
const VALUE_OMITTED: &str = "__connect.errors.value.omitted.bytes";

/// Asserts where and why a record was rejected, with a word of the explanation.
fn assert_reason(letter: &Record, stage: &str, reason: &str, detail: &str) {
    let found = (letter.header_text(STAGE), letter.header_text(REASON));
    assert_eq!(found, (stage.to_owned(), reason.to_owned()));
    assert!(
        letter.header_text(DETAIL).contains(detail),
        "{}",
        letter.header_text(DETAIL)
    );
}

#[test]
fn unreadable_records_become_dead_letters_as_they_came() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let cases: [(Record, &str, &str); 7] = [
        (Record::default(), "empty_value", "empty"),
        (Record::new(""), "empty_value", "empty"),
        (Record::new(b"\xff\xfe".to_vec()), "not_utf8", "UTF-8"),
        (Record::new("{\"text\": "), "bad_json", "JSON"),
        (Record::new("{\"title\": \"x\"}"), "no_body", "text"),
        (
            Record::new("{\"text\": \"x\", \"url\": 3}"),
            "bad_field",
            "`url`",
        ),
        (
            Record::new("x").header("content-type", "image/png"),
            "unknown_content_type",
            "image/png",
        ),
    ];
    let dressed = |raw: &Record| Record {
        timestamp_ms: Some(1_750_000_000_000),
        ..raw.clone().key("key").header("trace", b"\xff".to_vec())
    };
    topics
        .raw
        .produce(cases.iter().map(|(raw, ..)| dressed(raw)));

    let worker = Running::start(config(broker, &topics));
    let letters = topics.dead_letters.wait_committed(cases.len(), SOON);

    assert_eq!(letters.len(), cases.len());
    for (letter, (raw, reason, detail)) in letters.iter().zip(&cases) {
        assert_reason(letter, "decode", reason, detail);
        let raw = dressed(raw);
        assert_eq!((&letter.key, &letter.value), (&raw.key, &raw.value));
        assert_eq!(letter.timestamp_ms, raw.timestamp_ms);
        assert_eq!(letter.headers[..raw.headers.len()], raw.headers);
    }
    assert_eq!(
        letters[2].header_text("__connect.errors.topic"),
        topics.raw.name
    );
    assert_eq!(letters[2].header_text("__connect.errors.partition"), "0");
    assert_eq!(letters[2].header_text("__connect.errors.offset"), "2");
    worker.wait_counter("copydesk_records_rejected_total", 7.0);
    assert!(topics.enriched.drain_committed().is_empty());
}

#[test]
fn one_bad_record_among_a_thousand_stops_nothing() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 3);
    let mut records = articles(999, 100);
    records.insert(500, Record::new("{"));
    topics.raw.produce(records);

    let _worker = Running::start(config(broker, &topics));
    let enriched = topics.enriched.wait_committed(999, SOON);
    let letters = topics.dead_letters.wait_committed(1, SOON);

    assert_each_once(&enriched, 999);
    assert_eq!(letters.len(), 1);
}

#[test]
fn panic_of_a_stage_costs_its_record_alone() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let mut records = articles(40, 10);
    records.insert(17, Record::new(r#"{"id": "bad", "text": "panic"}"#));
    topics.raw.produce(records);

    let _worker = Running::start(config(broker, &topics));
    let enriched = topics.enriched.wait_committed(40, SOON);
    let letters = topics.dead_letters.wait_committed(1, SOON);

    assert_each_once(&enriched, 40);
    assert_eq!(letters.len(), 1);
    assert_reason(&letters[0], "shout", "stage_panicked", "cannot shout bad");
}

#[test]
fn body_of_ten_megabytes_is_rejected_with_the_limit() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let value = vec![b'x'; 10 << 20];
    topics
        .raw
        .produce([Record::new(value.clone()), Record::new("small")]);

    let _worker = Running::start(config(broker, &topics));
    let letters = topics.dead_letters.wait_committed(1, SOON);

    assert_reason(&letters[0], "decode", "value_too_large", "10485760");
    assert_reason(&letters[0], "decode", "value_too_large", "limit of 4194304");
    assert_eq!(letters[0].value.as_deref(), Some(&value[..]));
    assert_eq!(topics.enriched.wait_committed(1, SOON).len(), 1);
}

#[test]
fn result_larger_than_the_producer_may_send_is_rejected() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let long = "x".repeat(150_000);
    topics.raw.produce([
        Record::new("grow"),
        Record::new(long.clone()),
        Record::new("small"),
    ]);
    let mut config = config(broker, &topics);
    config.kafka.max_record_bytes = 100_000;

    let _worker = Running::start(config);
    let letters = topics.dead_letters.wait_committed(2, SOON);

    assert_reason(
        &letters[0],
        "produce",
        "record_too_large",
        "kafka.max_record_bytes, 100000",
    );
    assert_eq!(letters[0].value.as_deref(), Some(&b"grow"[..]));
    // As a dead letter it is too large as well.
    assert_reason(&letters[1], "produce", "record_too_large", "150");
    assert_eq!(letters[1].value, None);
    assert_eq!(letters[1].header_text(VALUE_OMITTED), "150000");
    assert_eq!(topics.enriched.wait_committed(1, SOON).len(), 1);
}

#[test]
fn result_that_the_topic_refuses_is_rejected() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    let small = [("max.message.bytes", "20000")];
    topics.enriched = Topic::fresh(broker, "enriched-small", 1, &small);
    // Together the small ones are larger than the topic allows, which is not their fault.
    let mut records = articles(60, 1000);
    records.insert(10, Record::new("grow"));
    records.insert(50, Record::new("grow"));
    topics.raw.produce(records);
    let mut config = config(broker, &topics);
    config.output.compression = "none".to_owned();

    let _worker = Running::start(config);
    let letters = topics.dead_letters.wait_committed(2, SOON);
    let enriched = topics.enriched.wait_committed(60, SOON);

    assert_eq!(letters.len(), 2);
    assert_reason(
        &letters[0],
        "produce",
        "record_too_large",
        &topics.enriched.name,
    );
    assert_each_once(&enriched, 60);
}
