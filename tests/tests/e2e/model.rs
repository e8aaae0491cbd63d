//! The model of a worker is changed while it runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use copydesk_proto::{Article, Format, decode};
use copydesk_tests::{Process, Record, secs, wait_until};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::article::{id, ids, raw};
use crate::desk::{Desk, articles, get, ids_of};

/// Files of a model that tests leave as they are.
const KEPT: [&str; 6] = [
    "config.json",
    "heads.safetensors",
    "model.safetensors",
    "openvino_model.bin",
    "openvino_model.xml",
    "tokenizer.json",
];

/// Models of several versions, and a link to the one that is to be used, as a mounted volume has.
struct Models(TempDir);

impl Models {
    fn new() -> Self {
        let models = Self(tempfile::tempdir().unwrap());
        models.add("one", |heads| heads);
        models.point_to("one");
        models
    }

    /// The link.
    fn path(&self) -> PathBuf {
        self.0.path().join("used")
    }

    /// Adds the shipped model as another version, with heads that are changed.
    fn add(&self, version: &str, change: impl Fn(String) -> String) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/encoder/models");
        let folder = self.0.path().join(version);
        fs::create_dir(&folder).unwrap();
        for name in KEPT {
            fs::copy(shipped.join(name), folder.join(name)).unwrap();
        }
        let heads = fs::read_to_string(shipped.join("heads.json")).unwrap();
        let sums = fs::read_to_string(shipped.join("SHA256SUMS")).unwrap();
        let mut parsed: serde_json::Value = serde_json::from_str(&heads).unwrap();
        parsed["version"] = version.into();
        let changed = change(parsed.to_string());
        let sums = sums.replace(&sum(&heads), &sum(&changed));
        fs::write(folder.join("heads.json"), changed).unwrap();
        fs::write(folder.join("SHA256SUMS"), sums).unwrap();
    }

    /// Has the link lead to a version, from one moment to the next.
    fn point_to(&self, version: &str) {
        let next = self.0.path().join("next");
        symlink(version, &next).unwrap();
        fs::rename(next, self.path()).unwrap();
    }

    /// A worker that uses what the link leads to.
    fn run(&self, desk: &Desk, watch_ms: u32) -> Process {
        let path = format!("model.path={}", self.path().display());
        let watch = format!("model.watch_ms={watch_ms}");
        let small = "batch.max_records=4";
        desk.run("enrich", &["--set", &path, "--set", &watch, "--set", small])
    }
}

fn sum(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends articles from `from` on, one for each time that it is called.
fn send(desk: &Desk, next: &mut usize) {
    let i = *next;
    desk.topics.raw.produce([Record::new(raw(i)).key(id(i))]);
    *next += 1;
}

/// The version of the model that an article was read by.
fn version(article: &Article) -> &str {
    let provenance = article.provenance.as_ref().unwrap();
    provenance.model.rsplit(' ').next().unwrap()
}

/// The versions in the order in which each partition has them.
fn versions(records: &[Record], partition: i32) -> Vec<String> {
    let own = records
        .iter()
        .filter(|record| record.partition == partition);
    let article =
        |record: &Record| decode(record.value.as_deref().unwrap(), Format::Json, []).unwrap();
    own.map(|record| version(&article(record)).to_owned())
        .collect()
}

fn metric(worker: &Process, line: &str) -> bool {
    get(worker, "/metrics")
        .1
        .lines()
        .any(|other| other.starts_with(line))
}

#[test]
fn model_changes_while_articles_flow() {
    let (desk, models) = (Desk::fresh(), Models::new());
    models.add("two", |heads| heads);
    let worker = models.run(&desk, 100);
    let mut sent = 0;
    desk.produce(20);
    sent += 20;
    desk.enriched(8);

    models.point_to("two");
    wait_until("the model is changed", secs(120), || {
        send(&desk, &mut sent);
        worker.log().contains("model changed")
    });
    for _ in 0..20 {
        send(&desk, &mut sent);
    }
    let records = desk.topics.enriched.wait_committed(sent, secs(180));

    assert_eq!(ids_of(&articles(&records)), ids(sent));
    for partition in [0, 1] {
        let versions = versions(&records, partition);
        let later = versions
            .iter()
            .position(|version| version == "two")
            .unwrap();
        assert!(later > 0, "{versions:?}");
        assert!(
            versions[..later].iter().all(|version| version == "one"),
            "{versions:?}"
        );
        assert!(
            versions[later..].iter().all(|version| version == "two"),
            "{versions:?}"
        );
    }
    assert!(metric(
        &worker,
        "copydesk_model_changes_total{outcome=\"changed\"} 1"
    ));
    assert!(!get(&worker, "/metrics").1.contains("copydesk-news one"));
}

#[test]
fn broken_model_is_refused_and_the_one_before_goes_on() {
    let (desk, models) = (Desk::fresh(), Models::new());
    models.add("cut", |heads| heads);
    let weights = models.0.path().join("cut/openvino_model.bin");
    fs::write(&weights, &fs::read(&weights).unwrap()[..1 << 20]).unwrap();
    models.add("shuffled", |heads| heads.replacen("\"I-PERSON\",", "", 1));
    let worker = models.run(&desk, 100);
    desk.produce(4);
    desk.enriched(4);

    models.point_to("cut");
    wait_until("the model is refused", secs(120), || {
        metric(&worker, "copydesk_model_refused 1")
    });
    models.point_to("one");
    wait_until("that is forgotten", secs(60), || {
        metric(&worker, "copydesk_model_refused 0")
    });
    models.point_to("shuffled");
    wait_until("the next is refused", secs(120), || {
        metric(
            &worker,
            "copydesk_model_changes_total{outcome=\"refused\"} 2",
        )
    });
    for i in 4..8 {
        desk.topics.raw.produce([Record::new(raw(i)).key(id(i))]);
    }
    let records = desk.enriched(8);

    assert!(records.iter().all(|article| version(article) == "one"));
    assert!(worker.log().contains("model refused"), "{}", worker.log());
    assert!(
        worker.log().contains("openvino_model.bin"),
        "{}",
        worker.log()
    );
    assert_eq!(get(&worker, "/readyz").0, 200);
    assert!(metric(
        &worker,
        "copydesk_model_changes_total{outcome=\"changed\"} 0"
    ));
}

/// Memory that the process has in use, in MiB.
fn resident_mib(worker: &Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", worker.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim()
        .trim_end_matches(" kB")
        .parse::<usize>()
        .unwrap()
        / 1024
}

#[test]
fn hangup_loads_the_model_again_and_frees_the_one_before() {
    let (desk, models) = (Desk::fresh(), Models::new());
    let worker = models.run(&desk, 0);
    desk.produce(4);
    desk.enriched(4);
    let change = |times: usize| {
        worker.signal("HUP");
        let line = format!("copydesk_model_changes_total{{outcome=\"changed\"}} {times}");
        wait_until(&line, secs(120), || metric(&worker, &line));
        resident_mib(&worker)
    };

    // The first few fill what the allocator keeps.
    let early = (1..=3).map(change).max().unwrap();
    let late = (4..=8).map(change).max().unwrap();

    assert!(late < early + MODEL_MIB, "{early} MiB, then {late} MiB");
    // Weights that are mapped would change under the worker with their file.
    let maps = fs::read_to_string(format!("/proc/{}/maps", worker.id())).unwrap();
    assert!(!maps.contains("openvino_model.bin"));
}

/// Less than what a model takes.
const MODEL_MIB: usize = 30;
