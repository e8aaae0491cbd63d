//! A real Prometheus, with the project's rules, and its tool.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use copydesk_tests::{Process, secs};
use serde_json::Value;
use tempfile::TempDir;

/// A file of the folder `deploy`.
pub(crate) fn deploy(path: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    folder.canonicalize().unwrap().join(path)
}

/// A Prometheus that scrapes one worker every second.
pub(crate) struct Prometheus {
    process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it on a free port, to scrape the address `target` of the service `enrich`.
    pub(crate) fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        fs::write(&config, configured(target)).unwrap();
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.path().display()),
            "--web.listen-address=127.0.0.1:0".to_owned(),
        ];
        let environment: [(&str, &str); 0] = [];
        let process = Process::spawn_program(Path::new("prometheus"), arguments, environment);
        process.wait_log("Server is ready", secs(60));
        Self {
            process,
            _folder: folder,
        }
    }

    /// The values that an expression has now; it must parse.
    pub(crate) fn query(&self, expression: &str) -> Vec<f64> {
        let answer = promtool(&["query", "instant", "--format=json", &self.url(), expression]);
        let samples: Vec<Value> = serde_json::from_str(&answer).unwrap();
        let value = |sample: &Value| sample["value"][1].as_str().unwrap().parse().unwrap();
        samples.iter().map(value).collect()
    }

    fn url(&self) -> String {
        let log = self.process.log();
        // The first address is the one that was asked for, with port 0.
        let address = log.split("address=127.0.0.1:").skip(1);
        let ports = address.filter_map(|rest| rest.split_whitespace().next());
        let port = ports.filter(|port| *port != "0").last();
        format!(
            "http://127.0.0.1:{}",
            port.expect("it says where it listens")
        )
    }
}

/// The project's configuration, for one target and with no time to wait.
fn configured(target: &str) -> String {
    let config = fs::read_to_string(deploy("prometheus/prometheus.yml")).unwrap();
    let rules = deploy("prometheus/rules.yml");
    let config = config
        .replace("interval: 15s", "interval: 1s")
        .replace("- rules.yml", &format!("- {}", rules.display()))
        .replace("127.0.0.1:9464", target);
    assert!(config.contains(target) && config.contains("scrape_interval: 1s"));
    config
}

/// What `promtool` finds wrong with a page of metrics, a line for each.
pub(crate) fn complaints(metrics: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("metrics");
    fs::write(&page, metrics).unwrap();
    let output = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(File::open(page).unwrap())
        .output();
    let output = output.expect("promtool is installed: run 'make setup'");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said.lines().map(str::to_owned).collect()
}

/// Runs `promtool`, which must succeed; what it prints.
pub(crate) fn promtool(arguments: &[&str]) -> String {
    let output = Command::new("promtool").args(arguments).output();
    let output = output.expect("promtool is installed: run 'make setup'");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
