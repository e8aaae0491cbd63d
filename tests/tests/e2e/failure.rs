//! What the program says when it cannot work.

use std::fs;
use std::path::Path;

use copydesk_tests::{Broker, Process, Record, Topic, secs, wait_until};
use tempfile::TempDir;

use crate::desk::{Desk, get};
use crate::program::run;

/// Runs the service on an address where nobody listens.
fn without_broker(more: &[&str]) -> Process {
    let arguments = [
        "run",
        "--brokers",
        "127.0.0.1:1",
        "--set",
        "admin.bind=127.0.0.1:0",
    ];
    Process::spawn(arguments.iter().chain(more), [("NO_COLOR", "1")])
}

#[test]
fn absent_broker_is_told_and_waited_for() {
    let mut worker = without_broker(&[]);

    worker.wait_log("127.0.0.1:1", secs(60));
    let ready = get(&worker, "/readyz");
    let healthy = get(&worker, "/healthz");
    worker.signal("INT");

    assert_eq!(ready.0, 503, "{}", ready.1);
    assert_eq!(healthy.0, 200);
    assert_eq!(worker.wait_exit(secs(10)).code(), Some(0));
}

#[test]
fn worker_whose_identity_another_takes_says_so_and_fails() {
    let desk = Desk::fresh();
    let mut first = desk.run("enrich", &[]);
    desk.produce(4);
    desk.enriched(4);

    let _second = desk.run("enrich", &[]);

    wait_until("the first ends", secs(120), || {
        desk.produce(4);
        first.exit().is_some()
    });
    assert_eq!(first.wait_exit(secs(1)).code(), Some(1));
    let log = first.log();
    let id = format!("copydesk.enrich.{}", desk.topics.raw.name);
    let told = format!("another worker runs with the transactional id {id}");
    assert!(log.contains(&told), "{log}");
}

#[test]
fn absent_topic_is_told_and_waited_for() {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &["--set", "topics.raw=no-such-topic"]);

    worker.wait_log("no-such-topic", secs(60));
    wait_until("readyz names the topic", secs(30), || {
        let (status, why) = get(&worker, "/readyz");
        status == 503 && why.contains("no-such-topic")
    });
}

#[test]
fn tools_say_that_no_broker_answers() {
    let nobody = [
        "--brokers",
        "127.0.0.1:1",
        "--set",
        "kafka.request_timeout_ms=2000",
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "a").unwrap();
    let feed = ["feed", folder.path().to_str().unwrap()];

    for command in [&feed[..], &["tail", "--timeout-s", "1"]] {
        let ended = run(command.iter().chain(&nobody));

        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(
            ended
                .stderr
                .contains("no Kafka broker answers at 127.0.0.1:1"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn tail_says_that_too_few_came() {
    let ended = Desk::fresh().command(&["tail", "--max", "1", "--timeout-s", "1"]);

    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("0 of 1 articles"), "{}", ended.stderr);
}

#[test]
fn tail_reads_a_record_with_a_header_name_that_is_not_utf8() {
    let broker = Broker::shared();
    let raw = Topic::fresh(broker, "raw", 1, &[]);
    raw.produce([Record::new(r#"{"id":"a","text":"One."}"#).header("damaged", "1")]);
    raw.forge(broker, b"damaged", b"d\xffmaged");

    let ended = run([
        "tail",
        "--format",
        "json",
        "--max",
        "1",
        "--timeout-s",
        "30",
    ]
    .into_iter()
    .chain(["--brokers", broker.bootstrap(), "--topic", &raw.name]));

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.ids(), ["a"]);
}

#[test]
fn refused_property_is_named_without_its_value() {
    let property = "kafka.librdkafka.socket.keepalive.enable";
    let set = format!("{property}=s3cret");

    let ended = Desk::fresh().command(&["tail", "--set", &set]);

    assert_eq!(ended.code, Some(1));
    let named = "kafka.librdkafka.\"socket.keepalive.enable\"";
    assert!(ended.stderr.contains(named), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn feed_names_what_it_left_out() {
    let desk = Desk::fresh();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    fs::write(
        &file,
        "{\"text\":\"One.\"}\n{\"text\":\n{\"text\":\"Three.\"}\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();

    let checked = desk.command(&["feed", path]);
    let raw = desk.command(&["feed", "--raw", path]);

    assert_eq!(checked.code, Some(1));
    for part in ["a.jsonl:2", "fed 2 articles"] {
        assert!(
            checked.stderr.contains(part),
            "no {part} in {}",
            checked.stderr
        );
    }
    assert_eq!(raw.code, Some(0), "{}", raw.stderr);
    assert_eq!(desk.topics.raw.drain_committed().len(), 5);
}

#[test]
fn missing_model_folder_says_what_to_do() {
    for command in ["run", "text"] {
        let ended = run([command, "--set", "model.path=/nowhere"]);

        assert_eq!(ended.code, Some(1));
        for part in ["model.path", "/nowhere", "leave it empty"] {
            assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
        }
    }
}

/// A copy of the model that comes with the program.
pub(crate) fn copied_model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/encoder/models");
    for entry in model.read_dir().unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    folder
}

#[test]
fn missing_fast_model_says_what_to_do() {
    let model = copied_model();
    let path = format!("model.path={}", model.path().display());

    let ended = run(["text", "--set", &path, "--set", "model.profile=fast"]);

    assert_eq!(ended.code, Some(1));
    for part in ["model.profile", "/fast", "accurate"] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}

#[test]
fn damaged_model_is_refused() {
    let model = copied_model();
    let weights = model.path().join("heads.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();

    let ended = run([
        "run",
        "--set",
        &format!("model.path={}", model.path().display()),
    ]);

    assert_eq!(ended.code, Some(1));
    for part in ["heads.safetensors", "SHA-256", "make train"] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}

#[test]
fn taken_admin_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();

    let ended = run(["run", "--set", &format!("admin.bind={address}")]);

    assert_eq!(ended.code, Some(1));
    for part in ["admin.bind", &address.to_string()] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}
