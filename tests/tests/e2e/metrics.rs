//! The table of metrics in `deploy/METRICS.md` is what the program shows.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write;
use std::fs;

use copydesk_tests::{Record, secs, wait_until};

use crate::desk::{Desk, get};
use crate::prometheus::{complaints, deploy};

/// Set to anything, it has the test write the table and not compare it.
const WRITE: &str = "COPYDESK_WRITE_METRICS";
const FILE: &str = "METRICS.md";
const START: &str = "| Metric | Type | Labels | What it is |\n|---|---|---|---|\n";

#[test]
fn table_of_metrics_is_what_the_program_shows() {
    let table = table(&shown());

    let path = deploy(FILE);
    let text = fs::read_to_string(&path).unwrap();
    let (before, written) = text.split_once(START).expect("the table has its head");
    if env::var_os(WRITE).is_some() {
        fs::write(&path, format!("{before}{START}{table}")).unwrap();
    } else {
        assert_eq!(written, table, "to write it, run this test with {WRITE}=1");
    }
}

#[test]
fn promtool_has_nothing_against_the_metrics() {
    let found = complaints(&shown());

    assert!(found.is_empty(), "{found:#?}");
}

/// What the program shows once each of its metrics has a value.
fn shown() -> String {
    let desk = Desk::fresh();
    let worker = desk.run("enrich", &[]);
    desk.produce(20);
    desk.topics.raw.produce([Record::new("{")]);
    let all = [
        "copydesk_records_enriched_total 20",
        "copydesk_records_rejected_total{reason=\"bad_json\",stage=\"decode\"} 1",
        "copydesk_lag_seconds{",
    ];
    let mut metrics = String::new();
    wait_until("all is counted", secs(60), || {
        metrics = get(&worker, "/metrics").1;
        all.iter().all(|line| metrics.contains(line))
    });
    metrics
}

/// Of the text that Prometheus reads: a row for each metric, in the order of their names.
fn table(metrics: &str) -> String {
    let (mut helps, mut types) = (BTreeMap::new(), BTreeMap::new());
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in metrics.lines() {
        if let Some((name, help)) = described(line, "# HELP ") {
            helps.insert(name, help);
        } else if let Some((name, kind)) = described(line, "# TYPE ") {
            types.insert(name, kind);
        } else if let Some((series, rest)) = line.split_once('{') {
            labels.entry(bare(series)).or_default().extend(names(rest));
        }
    }
    let mut table = String::new();
    for (name, help) in helps {
        let labels: Vec<_> = labels.remove(name).into_iter().flatten().collect();
        let (kind, labels) = (types[name], labels.join(", "));
        writeln!(table, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
    }
    table
}

fn described<'l>(line: &'l str, what: &str) -> Option<(&'l str, &'l str)> {
    line.strip_prefix(what)?.split_once(' ')
}

/// The metric that a series belongs to.
fn bare(series: &str) -> &str {
    let parts = ["_bucket", "_sum", "_count"];
    let mut stripped = parts.iter().filter_map(|part| series.strip_suffix(part));
    stripped.next().unwrap_or(series)
}

/// Names of the labels in `topic="x",partition="0"} 3`, but for that of a histogram's buckets.
fn names(labels: &str) -> impl Iterator<Item = &str> {
    let quoted = labels.split('"').step_by(2);
    let name = |text: &str| text.strip_suffix('=').map(str::len);
    let named = quoted.filter_map(move |text| text.get(..name(text)?));
    named
        .map(|name| name.trim_start_matches(','))
        .filter(|name| *name != "le")
}
