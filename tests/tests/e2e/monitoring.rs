//! Dashboards and alerts: what they ask for is there, and shows something of a real run.

use std::fs;

use copydesk_tests::{Process, Record, secs, wait_until};
use serde_json::Value;

use crate::desk::{Desk, admin};
use crate::prometheus::{Prometheus, deploy, promtool};

#[test]
fn every_panel_shows_data_of_a_real_run() {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &[]);
    let prometheus = scraped(&worker);

    desk.produce(60);
    desk.topics.raw.produce([Record::new("{")]);
    desk.enriched(60);

    for (panel, expression) in expressions() {
        wait_until(&format!("data in {panel}: {expression}"), secs(60), || {
            let values = prometheus.query(&expression);
            values.iter().any(|value| value.is_finite())
        });
    }
}

/// A Prometheus that has seen the worker before it did anything: growth is seen from then on.
fn scraped(worker: &Process) -> Prometheus {
    let prometheus = Prometheus::start(&admin(worker));
    wait_until("a ready worker was scraped", secs(60), || {
        prometheus.query("copydesk_ready == 1").len() == 1
    });
    prometheus
}

#[test]
fn panels_ask_for_metrics_that_there_are() {
    let metrics = fs::read_to_string(deploy("METRICS.md")).unwrap();
    let rules = fs::read_to_string(deploy("prometheus/rules.yml")).unwrap();

    for (panel, expression) in expressions() {
        for name in names(&expression) {
            let parts = ["_bucket", "_sum", "_count"];
            let mut bare = parts.iter().filter_map(|part| name.strip_suffix(part));
            let metric = format!("| `{}` |", bare.next().unwrap_or(name));
            let recorded = format!("record: {name}\n");
            assert!(
                metrics.contains(&metric) || rules.contains(&recorded),
                "{panel} asks for {name}"
            );
        }
    }
}

/// The names of metrics and of what rules record, in an expression.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    let words = expression.split(move |letter| !is_name(letter));
    words.filter(|word| word.contains("copydesk_") || word.starts_with("process_"))
}

/// Titles of panels and what they ask for, with the variables filled in.
fn expressions() -> Vec<(String, String)> {
    let dashboards = dashboards();
    let panels = dashboards
        .iter()
        .flat_map(|dashboard| dashboard["panels"].as_array().unwrap());
    let asked = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        let filled = |target: Value| fill(target["expr"].as_str().unwrap());
        targets
            .into_iter()
            .map(move |target| (title.clone(), filled(target)))
    };
    panels.flat_map(asked).collect()
}

/// The dashboards in the folder that Grafana is pointed to.
fn dashboards() -> Vec<Value> {
    let files = fs::read_dir(deploy("grafana/dashboards")).unwrap();
    let read = |path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let dashboards: Vec<_> = files.map(|file| read(file.unwrap().path())).collect();
    assert!(!dashboards.is_empty());
    dashboards
}

fn fill(expression: &str) -> String {
    expression
        .replace("$service", ".*")
        .replace("$instance", ".*")
        .replace("$__rate_interval", "2m")
}

#[test]
fn rules_do_what_their_tests_say() {
    let tests = deploy("prometheus/rules_test.yml");

    let answer = promtool(&["test", "rules", tests.to_str().unwrap()]);

    assert!(answer.contains("SUCCESS"), "{answer}");
}

#[test]
fn every_alert_has_a_case_in_which_it_fires() {
    let rules = fs::read_to_string(deploy("prometheus/rules.yml")).unwrap();
    let tests = fs::read_to_string(deploy("prometheus/rules_test.yml")).unwrap();

    let cases = tests.split("- eval_time: ").skip(1);
    let fires = |case: &&str| case.contains("- exp_labels:");
    let firing: Vec<_> = cases.filter(fires).collect();

    for (name, _) in alerts(&rules) {
        let line = format!("alertname: {name}\n");
        assert!(
            firing.iter().any(|case| case.contains(&line)),
            "{name} fires in no case"
        );
    }
}

/// Names of the alerts, and what follows each.
fn alerts(rules: &str) -> Vec<(&str, &str)> {
    let alerts = rules.split("- alert: ").skip(1);
    let alerts: Vec<_> = alerts
        .map(|alert| (alert.lines().next().unwrap(), alert))
        .collect();
    assert!(!alerts.is_empty());
    alerts
}

#[test]
fn every_alert_has_its_section_in_the_runbook() {
    let rules = fs::read_to_string(deploy("prometheus/rules.yml")).unwrap();
    let runbook = fs::read_to_string(deploy("RUNBOOK.md")).unwrap();

    for (name, alert) in alerts(&rules) {
        let link = format!("runbook: deploy/RUNBOOK.md#{}\n", name.to_lowercase());
        assert!(alert.contains(&link), "{name} has no {link}");
        assert!(
            runbook.contains(&format!("\n## {name}\n")),
            "no section {name}"
        );
    }
}
