//! The admin port's pages that are the program's own.

use copydesk_tests::{Process, secs};

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
