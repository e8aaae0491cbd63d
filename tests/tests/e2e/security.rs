//! TLS, SASL and ACLs, on a broker that has them.

use std::fs;
use std::sync::OnceLock;

use copydesk_tests::{Broker, Process, Record, Topic, secs};

use crate::article::{id, raw};
use crate::program::command;

/// May do what the README says that a worker must, and no more.
const WORKER: &str = "worker";
/// Each lacks one right of the worker's, and these are the words for it.
const DENIED: [(&str, &str); 5] = [
    ("no-raw", "Read on topic articles.raw"),
    ("no-enriched", "Write on topic articles.enriched"),
    ("no-dlq", "Write on topic articles.dlq"),
    ("no-group", "Read on group copydesk.enrich"),
    ("no-id", "Write on transactional id copydesk.enrich.no-id"),
];
const SCRAPER: &str = "scraper";
const OPERATOR: &str = "operator";

/// The rights that the README lists: without whom, operation, resource.
const WORKER_RIGHTS: [(&str, &str, &str); 5] = [
    ("no-raw", "Read", "topic=articles.raw"),
    ("no-enriched", "Write", "topic=articles.enriched"),
    ("no-dlq", "Write", "topic=articles.dlq"),
    ("no-group", "Read", "group=copydesk.enrich"),
    ("no-id", "Write", "transactional-id=copydesk.enrich.*"),
];
const OPERATOR_RIGHTS: [(&str, &str); 5] = [
    ("Read", "topic=articles.dlq"),
    ("Write", "topic=articles.dlq"),
    ("Write", "topic=articles.raw"),
    ("Read", "group=copydesk.replay"),
    ("Write", "transactional-id=copydesk.replay"),
];

/// The broker of these tests, with its topics and users.
fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| {
        let users = DENIED.map(|(user, _)| user);
        let broker = Broker::secure(&[&users[..], &[WORKER, SCRAPER, OPERATOR]].concat());
        for name in [
            "articles.raw",
            "articles.enriched",
            "articles.dlq",
            "articles.fed",
        ] {
            Topic::named(&broker, name).create(1, &[]);
        }
        for (without, operation, resource) in WORKER_RIGHTS {
            let with = users
                .into_iter()
                .chain([WORKER])
                .filter(|&user| user != without);
            broker.allow(operation, resource, &with.collect::<Vec<_>>());
        }
        for (operation, resource) in OPERATOR_RIGHTS {
            broker.allow(operation, resource, &[OPERATOR]);
        }
        broker.allow("Write", "topic=articles.fed", &[SCRAPER]);
        broker
    })
}

/// Arguments that take a user there with a mechanism, and the password from a file.
fn login(user: &str, mechanism: &str) -> Vec<String> {
    let broker = broker();
    let ca = broker.ca();
    let password = ca.with_file_name(format!("{user}.password"));
    fs::write(&password, format!("{user}-password\n")).unwrap();
    let settings = [
        ("kafka.brokers", broker.secure_address()),
        ("kafka.librdkafka.security.protocol", "sasl_ssl".to_owned()),
        ("kafka.librdkafka.ssl.ca.location", ca.display().to_string()),
        ("kafka.librdkafka.sasl.mechanism", mechanism.to_owned()),
        ("kafka.librdkafka.sasl.username", user.to_owned()),
        (
            "kafka.librdkafka.sasl.password_file",
            password.display().to_string(),
        ),
        ("kafka.instance", user.to_owned()),
        ("admin.bind", "127.0.0.1:0".to_owned()),
    ];
    let flag = |(name, value)| ["--set".to_owned(), format!("{name}={value}")];
    settings.into_iter().flat_map(flag).collect()
}

fn start(arguments: &[&str], login: Vec<String>) -> Process {
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    Process::spawn(arguments.chain(login), [("NO_COLOR", "1")])
}

#[test]
fn worker_and_replay_need_only_the_rights_that_the_readme_lists() {
    let broker = broker();
    let raw_topic = Topic::named(broker, "articles.raw");
    raw_topic.produce([Record::new(raw(1)).key(id(1)), Record::new("{")]);

    let worker = start(&["run"], login(WORKER, "SCRAM-SHA-512"));
    let enriched = Topic::named(broker, "articles.enriched").wait_committed(1, secs(120));
    let letters = Topic::named(broker, "articles.dlq").wait_committed(1, secs(60));
    let mut replay = start(&["replay"], login(OPERATOR, "SCRAM-SHA-256"));
    let replayed = replay.wait_exit(secs(60));

    assert_eq!(enriched[0].id(), id(1), "{}", worker.log());
    assert_eq!(letters.len(), 1);
    assert_eq!(replayed.code(), Some(0), "{}", replay.log());
    assert!(
        replay.log().contains("1 dead letters sent back"),
        "{}",
        replay.log()
    );
    let readme = include_str!("../../../README.md");
    let words = WORKER_RIGHTS.map(|(_, operation, resource)| (operation, resource));
    for (operation, resource) in words.into_iter().chain(OPERATOR_RIGHTS) {
        let (kind, name) = resource.split_once('=').unwrap();
        let line = format!("{operation} on {} `{name}`", kind.replace('-', " "));
        assert!(readme.contains(&line), "no {line} in the README");
    }
}

#[test]
fn right_that_is_missing_is_named() {
    for (user, words) in DENIED {
        let worker = start(&["run"], login(user, "SCRAM-SHA-512"));

        worker.wait_log(&format!("Kafka does not allow {words}"), secs(60));
    }
}

#[test]
fn each_mechanism_works() {
    let folder = tempfile::tempdir().unwrap();
    let article = folder.path().join("a.txt");
    fs::write(&article, "a").unwrap();
    let token = [
        "kafka.librdkafka.enable.sasl.oauthbearer.unsecure.jwt=true",
        "kafka.librdkafka.sasl.oauthbearer.config=principal=scraper",
    ];

    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER"] {
        let mut feed = command(["feed", "--topic", "articles.fed"]);
        feed.arg(&article).args(login(SCRAPER, mechanism));
        feed.args(token.map(|setting| format!("--set={setting}")));
        let ended = feed.output().unwrap();

        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(stderr.contains("fed 1 articles"), "{mechanism}: {stderr}");
    }
}

#[test]
fn wrong_password_is_told_and_not_shown() {
    let set = ["--set", "kafka.librdkafka.sasl.username=nobody"].map(str::to_owned);
    let login = [login(WORKER, "SCRAM-SHA-512"), set.into()].concat();

    let worker = start(&["run"], login.clone());
    let mut replay = start(&["replay"], login);

    assert_eq!(replay.wait_exit(secs(60)).code(), Some(1));
    worker.wait_log("refuses the connection", secs(60));
    for log in [worker.log(), replay.log()] {
        for part in ["refuses the connection", "SASL", "kafka.librdkafka"] {
            assert!(log.contains(part), "no {part} in {log}");
        }
        assert!(!log.contains("worker-password"), "{log}");
    }
}

#[test]
fn certificate_of_another_authority_is_told() {
    let other = Broker::secure(&[]);
    let set = format!("kafka.librdkafka.ssl.ca.location={}", other.ca().display());
    let login = [login(OPERATOR, "PLAIN"), vec!["--set".to_owned(), set]].concat();

    let mut replay = start(&["replay"], login);

    assert_eq!(replay.wait_exit(secs(60)).code(), Some(1));
    for part in ["refuses the connection", "certificate"] {
        assert!(replay.log().contains(part), "no {part} in {}", replay.log());
    }
}
