//! What goes in comes out: once, in order, with what it carried.

use copydesk_tests::{Broker, Record, Topics};
use fail::FailGuard;

use crate::worker::{Running, SOON, articles, assert_each_once, assert_order_per_key, config};

#[test]
fn all_records_arrive_once_and_in_order_per_key() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 3);
    topics.raw.produce(articles(1000, 500));

    let worker = Running::start(config(broker, &topics));
    let enriched = topics.enriched.wait_committed(1000, SOON);

    assert_each_once(&enriched, 1000);
    assert_order_per_key(&enriched);
    assert!(
        enriched
            .iter()
            .all(|record| record.json()["text"].as_str().unwrap().ends_with('X'))
    );
    assert!(topics.dead_letters.drain_committed().is_empty());
    worker.wait_counter("copydesk_records_enriched_total", 1000.0);
}

#[test]
fn key_headers_and_time_are_passed_on() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let timestamp_ms = Some(1_750_000_000_000);
    let raw = Record {
        timestamp_ms,
        ..Record::new("Zoë 👩‍🚀 in Zürich")
    };
    let raw = raw
        .key("key")
        .header("Content-Type", "text/plain")
        .header("trace", b"\xff".to_vec());
    topics.raw.produce([raw]);

    let _worker = Running::start(config(broker, &topics));
    let enriched = &topics.enriched.wait_committed(1, SOON)[0];

    assert_eq!(enriched.json()["text"], "ZOË 👩‍🚀 IN ZÜRICH");
    assert_eq!(enriched.key.as_deref(), Some(&b"key"[..]));
    assert_eq!(enriched.timestamp_ms, timestamp_ms);
    let json = b"application/json".to_vec();
    let headers = [
        ("trace".to_owned(), b"\xff".to_vec()),
        ("content-type".to_owned(), json),
    ];
    assert_eq!(enriched.headers, headers);
}

#[test]
fn record_without_id_and_key_gets_both_from_its_place() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    topics
        .raw
        .produce([Record::new("first"), Record::new("second")]);

    let _worker = Running::start(config(broker, &topics));
    let enriched = &topics.enriched.wait_committed(2, SOON)[1];

    let id = format!("{}/0/1", topics.raw.name);
    assert_eq!(enriched.id(), id);
    assert_eq!(enriched.key.as_deref(), Some(id.as_bytes()));
    let provenance = &enriched.json()["provenance"];
    let input = serde_json::json!({"topic": topics.raw.name, "partition": 0, "offset": 1});
    assert_eq!(provenance["input"], input);
    assert_eq!(provenance["stages"][0]["name"], "shout");
}

#[test]
fn protobuf_goes_in_and_out_by_setting() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let article = copydesk_proto::Article {
        text: "a".to_owned(),
        ..Default::default()
    };
    let protobuf = copydesk_proto::Format::Protobuf;
    let raw = Record::new(copydesk_proto::encode(&article, protobuf));
    topics
        .raw
        .produce([raw.header("content-type", "application/x-protobuf")]);
    let mut config = config(broker, &topics);
    config.output.format = protobuf;

    let _worker = Running::start(config);
    let enriched = &topics.enriched.wait_committed(1, SOON)[0];

    let value = enriched.value.as_deref().unwrap();
    assert_eq!(
        copydesk_proto::decode(value, protobuf, []).unwrap().text,
        "A"
    );
    assert_eq!(
        enriched.header_text("content-type"),
        "application/x-protobuf"
    );
}

#[test]
fn batches_are_full_though_commits_are_slow() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    topics.raw.produce(articles(1000, 100));
    let mut config = config(broker, &topics);
    config.batch.max_records = 50;
    let _slow = FailGuard::new("before-commit", "sleep(200)").unwrap();

    let worker = Running::start(config);

    topics.enriched.wait_committed(1000, SOON);
    let batches = worker.counter("copydesk_batches_total");
    assert!(batches <= 60.0, "{batches} batches of 50 for 1000 records");
}
