//! Records that cannot be enriched become dead letters, and stop nothing.

use copydesk_tests::{Broker, Record, Topic, Topics};
use copydesk_worker::Error;

use crate::worker::{Running, SOON, Shout, Tired, articles, assert_each_once, config};

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
    assert_eq!(
        letters[2].header_text("__connect.errors.connector.name"),
        topics.raw.name
    );
    assert_eq!(letters[2].header_text("__connect.errors.task.id"), "0");
    assert_eq!(
        letters[2].header_text("__connect.errors.exception.class.name"),
        "not_utf8"
    );
    worker.wait_counter("copydesk_records_rejected_total", 7.0);
    assert!(topics.enriched.drain_committed().is_empty());
}

#[test]
fn header_name_that_is_not_utf8_costs_its_record_alone() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let raw = Record::new("x").key("key").header("trace", "1");
    topics
        .raw
        .produce([raw.header("damaged", "2"), Record::new("next")]);
    topics.raw.forge(broker, b"damaged", b"d\xffmaged");

    let _worker = Running::start(config(broker, &topics));
    topics.enriched.wait_committed(1, SOON);
    let letters = topics.dead_letters.wait_committed(1, SOON);

    assert_reason(&letters[0], "decode", "bad_header", "1 of its headers");
    assert_eq!(letters[0].key.as_deref(), Some(&b"key"[..]));
    assert_eq!(letters[0].value.as_deref(), Some(&b"x"[..]));
    assert_eq!(letters[0].header_text("trace"), "1");
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

#[test]
fn dead_letter_refused_for_its_time_keeps_all_the_rest() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    let recent = [("message.timestamp.before.max.ms", "3600000")];
    topics.dead_letters = Topic::fresh(broker, "dlq-recent", 1, &recent);
    let raw = Record {
        timestamp_ms: Some(1_750_000_000_000),
        ..Record::new("{")
            .key("key")
            .header("trace", b"\xff".to_vec())
    };
    topics.raw.produce([raw.clone()]);

    let _worker = Running::start(config(broker, &topics));
    let letter = &topics.dead_letters.wait_committed(1, SOON)[0];

    assert_reason(letter, "decode", "bad_json", "JSON");
    assert_eq!((&letter.key, &letter.value), (&raw.key, &raw.value));
    assert_eq!(letter.headers[0], raw.headers[0]);
    assert!(letter.timestamp_ms > raw.timestamp_ms);
}

#[test]
fn dead_letter_larger_than_its_topic_allows_goes_with_what_fits() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    let small = [("max.message.bytes", "20000")];
    topics.dead_letters = Topic::fresh(broker, "dlq-small", 1, &small);
    let large = || vec![b'x'; 50_000];
    let value = [b"{".to_vec(), large()].concat();
    topics.raw.produce([
        Record::new(value).key("a").header("trace", "1"),
        Record::new("{").key("b").header("trace", large()),
        Record::new("{").key(large()),
    ]);
    let mut config = config(broker, &topics);
    config.output.compression = "none".to_owned();

    let _worker = Running::start(config);
    let letters = topics.dead_letters.wait_committed(3, SOON);

    let omitted = |letter: &Record| {
        ["value", "headers", "key"]
            .map(|part| letter.header_text(&format!("__connect.errors.{part}.omitted.bytes")))
    };
    assert_eq!(omitted(&letters[0]), ["50001", "", ""]);
    assert_eq!(
        (&letters[0].value, letters[0].header_text("trace")),
        (&None, "1".to_owned())
    );
    assert_eq!(omitted(&letters[1]), ["", "50005", ""]);
    assert_eq!(letters[1].key.as_deref(), Some(&b"b"[..]));
    assert_eq!(omitted(&letters[2]), ["", "", "50000"]);
    assert_eq!(letters[2].value.as_deref(), Some(&b"{"[..]));
    for letter in &letters {
        assert_reason(letter, "decode", "bad_json", "JSON");
    }
}

#[test]
fn dead_letter_refused_in_every_form_ends_the_worker_with_its_place() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    // Such a topic takes no record without a key.
    let compacted = [("cleanup.policy", "compact")];
    topics.dead_letters = Topic::fresh(broker, "dlq-compacted", 1, &compacted);
    topics.raw.produce([Record::new("fine"), Record::new("{")]);

    let error = Running::start(config(broker, &topics))
        .wait_end()
        .unwrap_err();

    assert!(
        matches!(error, Error::DeadLetterRefused { .. }),
        "{error:?}"
    );
    let place = format!("{}/0/1", topics.raw.name);
    assert!(error.to_string().contains(&place), "{error}");
    // Nothing was passed over.
    assert!(topics.enriched.drain_committed().is_empty());
}

#[test]
fn failure_that_passes_costs_no_record() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let mut records = articles(20, 10);
    records.push(Record::new(r#"{"id": "20", "text": "tired"}"#).key("key"));
    topics.raw.produce(records);
    let tired = Box::new(Tired { naps: 8 });

    let _worker = Running::start_with(config(broker, &topics), vec![tired, Box::new(Shout)]);

    assert_each_once(&topics.enriched.wait_committed(21, SOON), 21);
    assert!(topics.dead_letters.drain_committed().is_empty());
}

#[test]
fn failure_that_stays_costs_its_record_alone() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let mut records = articles(20, 10);
    records.insert(7, Record::new("tired"));
    topics.raw.produce(records);
    let tired = Box::new(Tired { naps: u32::MAX });

    let _worker = Running::start_with(config(broker, &topics), vec![tired, Box::new(Shout)]);
    let letters = topics.dead_letters.wait_committed(1, SOON);

    assert_reason(&letters[0], "tired", "stage_unavailable", "must rest");
    assert_each_once(&topics.enriched.wait_committed(20, SOON), 20);
}

#[test]
fn article_without_end_costs_itself_alone() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let mut records = articles(20, 10);
    records.insert(7, Record::new("endless"));
    topics.raw.produce(records);
    let mut config = config(broker, &topics);
    config.limits.article_timeout_ms = 300;

    let _worker = Running::start(config);
    let letters = topics.dead_letters.wait_committed(1, SOON);

    let setting = "limits.article_timeout_ms";
    assert_reason(&letters[0], "shout", "stage_timed_out", setting);
    assert_each_once(&topics.enriched.wait_committed(20, SOON), 20);
}

#[test]
fn more_refused_records_than_attempts_cost_themselves_alone() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    let small = [("max.message.bytes", "20000")];
    topics.enriched = Topic::fresh(broker, "enriched-small", 1, &small);
    let mut records = articles(10, 1000);
    for i in 0..4 {
        records.insert(2 * i, Record::new("grow"));
    }
    topics.raw.produce(records);
    let mut config = config(broker, &topics);
    config.output.compression = "none".to_owned();
    config.retry.max_attempts = 0;

    let worker = Running::start(config);
    let letters = topics.dead_letters.wait_committed(4, SOON);

    assert_eq!(letters.len(), 4);
    assert_each_once(&topics.enriched.wait_committed(10, SOON), 10);
    assert_eq!(worker.counter("copydesk_session_restarts_total"), 0.0);
}
