//! The admin port's pages that are the program's own.

use std::fs;
use std::process::Command;

use copydesk_tests::{Broker, Process, Record, Topic, Topics, secs, wait_until};

use crate::desk::{Desk, get, request};

const SECRET: &str = "kafka.librdkafka.sasl.password=hunter2";

fn put_level(worker: &Process, directives: &str) -> (u16, String) {
    request(worker, "PUT", "/log-level", directives)
}

#[test]
fn config_page_is_what_check_config_shows() {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &["--set", SECRET]);

    let (status, page) = get(&worker, "/config");
    let checked = desk.command(&["run", "enrich", "--check-config", "--set", SECRET]);

    assert_eq!((status, &page), (200, &checked.stdout));
    let line = "kafka.librdkafka.\"sasl.password\" = \"***\"  # --set";
    assert!(page.contains(line), "{page}");
    assert!(!page.contains("hunter2"), "{page}");
}

#[test]
fn log_level_is_changed_while_the_worker_runs() {
    let desk = Desk::fresh();
    // Of the program's lines, those of one module: not the one that tells of the change.
    let worker = desk.run("enrich", &["--set", "log.level=error,copydesk::run=info"]);
    let before = get(&worker, "/log-level");

    let changed = put_level(&worker, "warn,copydesk=info\n");

    assert_eq!(before, (200, "copydesk::run=info,error\n".to_owned()));
    assert_eq!(changed, (200, "copydesk=info,warn\n".to_owned()));
    worker.wait_log("log level changed", secs(20));
    let config = get(&worker, "/config").1;
    let line = "log.level = \"copydesk=info,warn\"  # PUT /log-level";
    assert!(config.contains(line), "{config}");
}

#[test]
fn log_in_json_has_an_object_a_line() {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &["--set", "log.format=json"]);

    put_level(&worker, "warn,copydesk=info");
    worker.wait_log("log level changed", secs(20));

    for line in worker.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["message"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn wrong_log_level_is_refused_and_changes_nothing() {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &[]);

    let answers = ["debgu", "", "a=b=c", &"x".repeat(5000)].map(|level| put_level(&worker, level));

    let statuses = answers.each_ref().map(|(status, _)| *status);
    assert_eq!(statuses, [400, 400, 400, 413]);
    assert!(
        answers[0].1.contains("\"debgu\" is no level"),
        "{}",
        answers[0].1
    );
    assert!(answers[2].1.contains("level filter"), "{}", answers[2].1);
    assert_eq!(get(&worker, "/log-level").1, "info\n");
}

#[test]
fn worker_that_ends_its_batch_says_that_it_drains() {
    let broker = Broker::start();
    let desk = Desk {
        topics: Topics::fresh(&broker, 1),
        tagged: Topic::fresh(&broker, "tagged", 1, &[]),
    };
    let brokers = format!("kafka.brokers={}", broker.bootstrap());
    let settings = [
        &brokers,
        "kafka.stop_timeout_ms=120000",
        "kafka.session_timeout_ms=120000",
    ];
    let mut worker = desk.run("enrich", &settings.map(|set| ["--set", set]).concat());
    wait_until("the worker is ready", secs(60), || {
        get(&worker, "/readyz").0 == 200
    });
    let halt = halted_with_a_batch(&desk, &broker, &worker);

    worker.signal("TERM");

    // A broker that is halted takes no commit, so the batch cannot end before this was seen.
    wait_until("the worker drains", secs(100), || {
        get(&worker, "/readyz") == (503, "not ready: draining\n".to_owned())
    });
    let read = counted(&worker, "copydesk_records_consumed_total");
    drop(halt);
    let exit = worker.wait_exit(secs(60));

    assert_eq!(exit.code(), Some(0), "{}", worker.log());
    let written = desk.topics.enriched.drain_committed();
    assert_eq!(written.len(), read, "{}", worker.log());
}

/// Halts the broker while the worker has a batch in hand.
fn halted_with_a_batch(desk: &Desk, broker: &Broker, worker: &Process) -> Halt {
    let in_hand = || counted(worker, "copydesk_in_flight_records") > 0;
    let mut tries = (0..20).map(|salt| {
        desk.topics.raw.produce([Record::new(long_article(salt))]);
        wait_until("a batch is in hand", secs(60), in_hand);
        Halt::new(broker)
    });
    // The batch may have been committed a moment before.
    tries.find(|_| in_hand()).unwrap()
}

/// One that the stages take a while for; what is found in a window is remembered, so that none is alike.
fn long_article(salt: usize) -> String {
    let sentence = |i| format!("Minister {i} met {salt} reporters in Zürich on Tuesday.");
    let text: Vec<_> = (0..3000).map(sentence).collect();
    serde_json::json!({ "text": text.join(" ") }).to_string()
}

/// The value of a metric without labels.
fn counted(worker: &Process, name: &str) -> usize {
    let metrics = get(worker, "/metrics").1;
    let values = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    metrics.lines().find_map(values).unwrap()
}

/// A broker that does nothing, until this is dropped.
struct Halt {
    pid: String,
}

impl Halt {
    fn new(broker: &Broker) -> Self {
        let pid = fs::read_to_string(broker.data().with_file_name("pid")).unwrap();
        let halt = Self {
            pid: pid.trim().to_owned(),
        };
        halt.signal("STOP");
        halt
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid]).status();
        assert!(sent.unwrap().success(), "cannot send {name}");
    }
}

impl Drop for Halt {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}
