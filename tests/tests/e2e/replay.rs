//! `copydesk replay`: dead letters go back, each once.

use copydesk_tests::{Broker, Record, secs, wait_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use crate::desk::Desk;
use crate::program::Ended;

const TIME_MS: i64 = 1_700_000_000_000;
const REPLAYS: &str = "copydesk.replays";
const MARK: &str = "copydesk.replay.group";

/// The record in dead letter `number`; an even one is of partition 0, an odd one of 1.
fn record(number: usize) -> Record {
    Record {
        timestamp_ms: Some(TIME_MS + i64::try_from(number).unwrap() * 1000),
        ..Record::new(format!("{number:05} \u{0} Zoë 👩‍🚀"))
            .key(format!("key-{number}"))
            .header("trace", b"\xff\x00".to_vec())
    }
}

/// It as a dead letter, by the words that a worker writes.
fn letter(desk: &Desk, number: usize, stage: &str, reason: &str) -> Record {
    record(number)
        .header("__connect.errors.topic", desk.topics.raw.name.as_str())
        .header("__connect.errors.partition", (number % 2).to_string())
        .header("__connect.errors.offset", number.to_string())
        .header("__connect.errors.stage", stage)
        .header("__connect.errors.class.name", reason)
        .header("__connect.errors.exception.message", "why")
}

/// Fills the dead-letter topic: of each four, two are `bad_json`, one `no_body`, one by `ner`.
fn fill(desk: &Desk, count: usize) {
    let word = |number| match number % 4 {
        0 | 1 => ("decode", "bad_json"),
        2 => ("decode", "no_body"),
        _ => ("ner", "stage_failed"),
    };
    let letters = (0..count).map(|number| {
        let (stage, reason) = word(number);
        letter(desk, number, stage, reason)
    });
    desk.topics.dead_letters.produce(letters);
}

/// The number of the article in a record.
fn number(record: &Record) -> usize {
    let value = str::from_utf8(record.value.as_deref().unwrap()).unwrap();
    value.split(' ').next().unwrap().parse().unwrap()
}

/// Numbers of the records that were sent back, in order.
fn sent(desk: &Desk) -> Vec<usize> {
    let mut numbers: Vec<_> = desk
        .topics
        .raw
        .drain_committed()
        .iter()
        .map(number)
        .collect();
    numbers.sort_unstable();
    numbers
}

fn replay(desk: &Desk, more: &[&str]) -> Ended {
    let ended = desk.command(&[&["replay"], more].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

#[test]
fn records_go_back_as_they_came() {
    let desk = Desk::fresh();
    fill(&desk, 8);

    let ended = replay(&desk, &[]);

    let back = desk.topics.raw.drain_committed();
    assert_eq!(back.len(), 8);
    for found in back {
        let number = number(&found);
        let expected = Record {
            partition: i32::try_from(number % 2).unwrap(),
            kafka_offset: found.kafka_offset,
            ..record(number).header(REPLAYS, "1")
        };
        assert_eq!(found, expected);
    }
    for line in ["4  bad_json", "2  no_body", "8 dead letters sent back"] {
        assert!(ended.stderr.contains(line), "no {line} in {}", ended.stderr);
    }
}

#[test]
fn what_a_filter_leaves_out_can_be_sent_later() {
    let desk = Desk::fresh();
    fill(&desk, 12);

    replay(&desk, &["--reason", "no_body"]);
    assert_eq!(sent(&desk), [2, 6, 10]);
    replay(
        &desk,
        &["--stage", "ner", "--since", "2023-11-14T22:13:27Z"],
    );
    assert_eq!(sent(&desk), [2, 6, 7, 10, 11]);
    replay(&desk, &["--until", "2023-11-14T22:13:22Z"]);
    assert_eq!(sent(&desk), [0, 1, 2, 6, 7, 10, 11]);
    replay(&desk, &["--limit", "2"]);
    assert_eq!(sent(&desk).len(), 9);
    replay(&desk, &["--topic", "other", "--since", "1h"]);
    assert_eq!(sent(&desk).len(), 9);
    replay(&desk, &[]);
    assert_eq!(sent(&desk), (0..12).collect::<Vec<_>>());
    let last = replay(&desk, &[]);
    assert!(
        last.stderr.contains("0 dead letters sent"),
        "{}",
        last.stderr
    );
    assert_eq!(sent(&desk).len(), 12);
}

#[test]
fn another_group_sends_all_once_more() {
    let desk = Desk::fresh();
    fill(&desk, 3);
    replay(&desk, &[]);

    let group = format!("{}.again", desk.topics.raw.name);
    replay(&desk, &["--group", &group]);

    assert_eq!(sent(&desk), [0, 0, 1, 1, 2, 2]);
}

#[test]
fn settings_of_workers_that_are_no_replays_change_nothing() {
    let desk = Desk::fresh();
    fill(&desk, 3);
    let settings = [
        "--set",
        "kafka.delivery=at_least_once",
        "--set",
        "kafka.group_instance_id=copydesk.{service}.{instance}",
        "--set",
        "kafka.assignment=range",
    ];

    replay(&desk, &settings);
    replay(&desk, &settings);

    assert_eq!(sent(&desk), [0, 1, 2]);
}

#[test]
fn dry_run_shows_all_and_writes_nothing() {
    let desk = Desk::fresh();
    fill(&desk, 4);

    let json = replay(&desk, &["--dry-run", "--format", "json"]);
    let table = replay(&desk, &["--dry-run"]);

    let lines: Vec<Value> = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    let first = lines
        .iter()
        .find(|line| line["origin"]["offset"] == 0)
        .unwrap();
    assert_eq!(first["reason"], "bad_json");
    assert_eq!(first["time"], "2023-11-14T22:13:20.000Z");
    assert_eq!(first["replays"], 0);
    assert_eq!(table.stdout.lines().count(), 4);
    assert!(
        table.stderr.contains("4 dead letters would be sent"),
        "{}",
        table.stderr
    );
    assert_eq!(desk.topics.dead_letters.drain_committed().len(), 4);
    replay(&desk, &[]);
    assert_eq!(sent(&desk), [0, 1, 2, 3]);
}

#[test]
fn killed_replay_doubles_nothing_and_loses_nothing() {
    const COUNT: usize = 600;
    let desk = Desk::fresh();
    fill(&desk, COUNT);
    let small = ["--set", "batch.max_records=3"];

    let mut killed = desk.start(&["replay"], &small);
    wait_until("some are sent", secs(60), || sent(&desk).len() >= 9);
    killed.kill();
    let before = sent(&desk).len();
    replay(&desk, &[]);

    assert!(before < COUNT, "it was not killed in the middle");
    assert_eq!(sent(&desk), (0..COUNT).collect::<Vec<_>>());
}

#[test]
fn what_cannot_go_back_is_named_and_stops_nothing() {
    let desk = Desk::fresh();
    let foreign = letter(&desk, 1, "decode", "bad_json");
    let foreign = foreign.header("__connect.errors.topic", "__consumer_offsets");
    let bare = letter(&desk, 2, "produce", "record_too_large");
    let bare = bare.header("__connect.errors.value.omitted.bytes", "9");
    let unknown = record(3);
    let good = letter(&desk, 4, "decode", "bad_json");
    desk.topics
        .dead_letters
        .produce([foreign, bare, unknown, good]);

    let ended = desk.command(&["replay"]);

    assert_eq!(ended.code, Some(1));
    for part in [
        "__consumer_offsets",
        "left out",
        "does not say",
        "3 cannot be sent",
    ] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
    assert_eq!(sent(&desk), [4]);
}

#[test]
fn record_that_fails_again_is_a_dead_letter_that_counts() {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &[]);
    let raw = Record {
        timestamp_ms: Some(TIME_MS),
        ..Record::new("{\"text\":").key("k")
    };
    desk.topics.raw.produce([raw]);
    desk.topics.dead_letters.wait_committed(1, secs(120));

    for _ in 0..2 {
        let before = desk.topics.dead_letters.drain_committed().len();
        replay(&desk, &[]);
        // The mark, and the letter that has come back.
        desk.topics
            .dead_letters
            .wait_committed(before + 2, secs(60));
    }

    let letters = desk.topics.dead_letters.drain_committed();
    let is_mark = |record: &&Record| !record.header_text(MARK).is_empty();
    assert_eq!(letters.iter().filter(is_mark).count(), 2);
    let replays: Vec<_> = letters
        .iter()
        .filter(|record| !is_mark(record))
        .map(|letter| letter.header_text(REPLAYS))
        .collect();
    assert_eq!(replays, ["", "1", "2"], "{}", worker.log());
}

#[test]
fn letters_behind_an_open_transaction_are_not_sent_unseen() {
    let desk = Desk::fresh();
    fill(&desk, 2);
    let other: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", Broker::shared().bootstrap())
        .set("transactional.id", &desk.topics.raw.name)
        .create()
        .unwrap();
    other.init_transactions(secs(20)).unwrap();
    other.begin_transaction().unwrap();
    let topic = desk.topics.dead_letters.name.as_str();
    other
        .send(BaseRecord::<(), [u8]>::to(topic).payload(b"open"))
        .unwrap();
    other.flush(secs(20)).unwrap();
    let short = [
        ["--set", "kafka.request_timeout_ms=2000"],
        ["--set", "kafka.commit_timeout_ms=2000"],
        ["--set", "kafka.transaction_timeout_ms=3000"],
    ];

    let blocked = desk.command(&[&["replay"], short.as_flattened()].concat());
    other.abort_transaction(secs(20)).unwrap();
    replay(&desk, &[]);

    assert_eq!(blocked.code, Some(1));
    assert!(
        blocked.stderr.contains("a transaction stays open"),
        "{}",
        blocked.stderr
    );
    assert_eq!(sent(&desk), [0, 1]);
}
