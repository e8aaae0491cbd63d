//! A worker in a process of its own, to be halted and killed.
//!
//! The process is this test binary once more, which runs one test: [`runs_as_a_worker`].

use std::fs;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use copydesk_tests::{Broker, Topics, secs, wait_until};
use copydesk_worker::config::{Delivery, Topics as TopicNames};
use copydesk_worker::{Config, Health, Metrics, Pipeline, Shutdown, Worker};
use signal_hook::consts::SIGSTOP;
use signal_hook::low_level::raise;
use tempfile::NamedTempFile;

use crate::worker::{SOON, Shout, Slow, config_of, pass, show_logs};

/// Says in the environment what the process is to do: brokers, topics, and how it differs.
const ORDERS: &str = "COPYDESK_TEST_WORKER";

/// What a child's settings differ in from the usual.
#[derive(Clone, Copy, Default)]
pub(crate) struct Orders {
    pub(crate) at_least_once: bool,
    /// Keeps its place in the group over a restart.
    pub(crate) is_static: bool,
    /// Halts before its third commit, and once it goes on takes a second for that.
    pub(crate) halts: bool,
}

impl Orders {
    /// How the group shares partitions, on which all of its members must agree.
    pub(crate) fn assignment(self) -> &'static str {
        match self.is_static {
            true => "range",
            false => "cooperative-sticky",
        }
    }
}

/// A worker in a process of its own, killed when dropped.
pub(crate) struct Child {
    process: Process,
    log: NamedTempFile,
}

impl Child {
    /// Starts it; its instance is `child`.
    pub(crate) fn start(broker: &Broker, topics: &Topics, orders: Orders) -> Self {
        Self::start_at(broker.bootstrap(), topics, orders)
    }

    /// The same for a broker that is reached by another address.
    pub(crate) fn start_at(address: &str, topics: &Topics, orders: Orders) -> Self {
        let orders = [
            address,
            &topics.raw.name,
            &topics.enriched.name,
            &topics.dead_letters.name,
            &orders.at_least_once.to_string(),
            &orders.is_static.to_string(),
            &orders.halts.to_string(),
        ];
        let log = NamedTempFile::new().expect("a temporary file");
        let program = std::env::current_exe().expect("a test has a path");
        let process = Command::new(program)
            .args([
                "child::runs_as_a_worker",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(ORDERS, orders.join(" "))
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(log.reopen().expect("the log is there"))
            .spawn();
        let process = process.expect("the test binary starts");
        Self { process, log }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).expect("the log is there")
    }

    /// Sends a signal by its name, e.g. `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill is installed").success(), "{name}");
    }

    /// Whether it is halted.
    pub(crate) fn is_halted(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let stat = stat.expect("it is our child");
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('T'))
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it is our child");
        self.process.wait().expect("it is our child");
    }

    /// How it has ended; `None` while it runs.
    pub(crate) fn exit(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("it is our child")
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        wait_until("the child ends", SOON, || self.exit().is_some());
        self.exit().expect("it has ended")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail where it has ended, which is well.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Settings by which the broker soon notices that a worker is halted.
pub(crate) fn hasty(mut config: Config) -> Config {
    config.kafka.session_timeout_ms = 2_000;
    config.kafka.request_timeout_ms = 2_500;
    config.kafka.commit_timeout_ms = 2_500;
    config.kafka.transaction_timeout_ms = 3_000;
    config.batch.max_records = 5;
    config
}

#[test]
#[ignore = "the body of a process that other tests start"]
fn runs_as_a_worker() {
    let orders = std::env::var(ORDERS).expect("another test starts this one");
    let orders: Vec<&str> = orders.split(' ').collect();
    let topics = TopicNames {
        input: orders[1].to_owned(),
        output: orders[2].to_owned(),
        dead_letters: orders[3].to_owned(),
    };
    let mut config = hasty(config_of(orders[0].to_owned(), topics));
    config.kafka.instance = "child".to_owned();
    let orders = Orders {
        at_least_once: orders[4] == "true",
        is_static: orders[5] == "true",
        halts: orders[6] == "true",
    };
    config.kafka.assignment = orders.assignment().to_owned();
    if orders.at_least_once {
        config.kafka.delivery = Delivery::AtLeastOnce;
    }
    if orders.is_static {
        config.kafka.group_instance_id = "{service}.{instance}".to_owned();
    }
    if orders.halts {
        let commits = AtomicU32::new(0);
        let come_by = move || {
            if commits.fetch_add(1, Ordering::Relaxed) + 1 == 3 {
                raise(SIGSTOP).expect("a process may signal itself");
                pass(secs(1));
            }
        };
        fail::cfg_callback("before-commit", come_by).expect("the name is well-formed");
    }
    let metrics = Metrics::new("test");
    let health = Health::new(&metrics);
    show_logs();
    let slow = Box::new(Slow(Duration::from_millis(5)));
    let pipeline = Pipeline::new(vec![slow, Box::new(Shout)]);
    let worker = Worker::new(config, pipeline, metrics, health).expect("the settings are valid");

    worker
        .run(&Shutdown::new())
        .expect("it runs until it is killed");
}
