//! TLS, SASL and ACLs, on a broker that has them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
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
const READER: &str = "reader";

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
        let broker = Broker::secure(&[&users[..], &[WORKER, SCRAPER, OPERATOR, READER]].concat());
        for name in [
            "articles.raw",
            "articles.enriched",
            "articles.dlq",
            "articles.fed",
            "articles.shown",
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
        for resource in ["topic=articles.shown", "group=copydesk.tail"] {
            broker.allow("Read", resource, &[READER]);
        }
        broker
    })
}

/// Arguments that take a user there with a mechanism, and the password from a file.
fn login(user: &str, mechanism: &str) -> Vec<String> {
    let password = broker().ca().with_file_name(format!("{user}.password"));
    fs::write(&password, format!("{user}-password\n")).unwrap();
    let password = ("sasl.password_file", password.display().to_string());
    [name(broker(), user, mechanism), properties([password])].concat()
}

/// The same without the password.
fn name(broker: &Broker, user: &str, mechanism: &str) -> Vec<String> {
    let settings = [
        ("kafka.brokers", broker.secure_address()),
        ("kafka.instance", user.to_owned()),
        ("admin.bind", "127.0.0.1:0".to_owned()),
    ];
    let librdkafka = properties([
        ("security.protocol", "sasl_ssl".to_owned()),
        ("ssl.ca.location", broker.ca().display().to_string()),
        ("sasl.mechanism", mechanism.to_owned()),
        ("sasl.username", user.to_owned()),
    ]);
    let flag = |(name, value)| ["--set".to_owned(), format!("{name}={value}")];
    let settings = settings.into_iter().flat_map(flag);
    settings.chain(librdkafka).collect()
}

/// Arguments that set properties of librdkafka.
fn properties(properties: impl IntoIterator<Item = (&'static str, String)>) -> Vec<String> {
    let flag = |(name, value)| {
        [
            "--set".to_owned(),
            format!("kafka.librdkafka.{name}={value}"),
        ]
    };
    properties.into_iter().flat_map(flag).collect()
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

/// Feeds an article as a user who says so; what the program says of it.
fn feed(login: &[String], env: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let article = folder.path().join("a.txt");
    fs::write(&article, "a").unwrap();
    let mut feed = command(["feed", "--topic", "articles.fed"]);
    feed.arg(&article).args(login).envs(env.iter().copied());
    String::from_utf8(feed.output().unwrap().stderr).unwrap()
}

#[test]
fn reader_needs_only_the_rights_that_the_readme_lists() {
    let shown = Topic::named(broker(), "articles.shown");
    shown.produce([Record::new(r#"{"id": "1", "text": "Zoë 👩‍🚀 in Zürich"}"#)]);

    let mut tail = command(["tail", "--topic", "articles.shown", "--max", "1"]);
    tail.args(["--timeout-s", "30", "--format", "json"]);
    let ended = tail.args(login(READER, "SCRAM-SHA-512")).output().unwrap();

    let [stdout, stderr] =
        [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(stdout.contains("in Zürich"), "{stdout}{stderr}");
    assert_eq!(ended.status.code(), Some(0), "{stderr}");
    let readme = include_str!("../../../README.md");
    assert!(readme.contains("Read on group `copydesk.tail`"));
}

#[test]
fn password_comes_from_the_environment() {
    let name = name(broker(), SCRAPER, "SCRAM-SHA-512");
    let variable = "COPYDESK__KAFKA__LIBRDKAFKA__SASL__PASSWORD";

    let right = feed(&name, &[(variable, "scraper-password")]);
    let wrong = feed(&name, &[(variable, "another-password")]);

    assert!(right.contains("fed 1 articles"), "{right}");
    assert!(!wrong.contains("fed 1 articles"), "{wrong}");
    assert!(!wrong.contains("another-password"), "{wrong}");
}

#[test]
fn password_is_in_no_log_however_much_is_logged() {
    let all = ["--set", "log.level=trace"].map(str::to_owned);
    let debug = properties([("debug", "all".to_owned())]);

    for mechanism in ["PLAIN", "SCRAM-SHA-512"] {
        let login = [login(WORKER, mechanism), all.to_vec(), debug.clone()].concat();
        let worker = start(&["run"], login);

        worker.wait_log("partitions assigned", secs(120));
        let log = worker.log();
        assert!(log.contains("DEBUG librdkafka"), "{log}");
        assert!(!log.contains("worker-password"), "{mechanism}");
    }
}

/// A key and a certificate that nobody but itself has signed.
fn certificate(broker: &Broker, name: &str) -> (PathBuf, PathBuf) {
    let key = broker.ca().with_file_name(format!("{name}.key"));
    let certificate = key.with_extension("pem");
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
        .args(["-subj", &format!("/CN={name}"), "-keyout"])
        .args([&key, &PathBuf::from("-out"), &certificate])
        .output();
    let made = made.expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    (key, certificate)
}

/// Has the broker let in only those who show this certificate.
fn ask_for(broker: &Broker, certificate: &Path) {
    let settings = broker.ca().with_file_name("server.properties");
    let mut settings = File::options().append(true).open(settings).unwrap();
    for (name, value) in [
        ("client.auth", "required"),
        ("truststore.type", "PEM"),
        ("truststore.location", certificate.to_str().unwrap()),
    ] {
        writeln!(settings, "listener.name.sasl_ssl.ssl.{name}={value}").unwrap();
    }
    broker.restart();
}

#[test]
fn broker_that_asks_for_a_certificate_gets_the_one_that_is_set() {
    let broker = Broker::secure(&[SCRAPER]);
    Topic::named(&broker, "articles.fed").create(1, &[]);
    broker.allow("Write", "topic=articles.fed", &[SCRAPER]);
    let (key, right) = certificate(&broker, "right");
    let (other_key, other) = certificate(&broker, "other");
    ask_for(&broker, &right);
    let feed = |shown: &[(&'static str, &PathBuf)]| {
        let password = ("sasl.password", "scraper-password".to_owned());
        let shown = shown
            .iter()
            .map(|(name, file)| (*name, file.display().to_string()));
        let properties = properties(shown.chain([password]));
        let limit = ["--set", "kafka.request_timeout_ms=5000"].map(str::to_owned);
        let login = [name(&broker, SCRAPER, "PLAIN"), properties, limit.to_vec()].concat();
        feed(&login, &[])
    };

    let with = feed(&[
        ("ssl.certificate.location", &right),
        ("ssl.key.location", &key),
    ]);
    let without = feed(&[]);
    let with_other = feed(&[
        ("ssl.certificate.location", &other),
        ("ssl.key.location", &other_key),
    ]);

    assert!(with.contains("fed 1 articles"), "{with}");
    for refused in [without, with_other] {
        assert!(!refused.contains("fed 1 articles"), "{refused}");
        assert!(refused.contains("no Kafka broker answers"), "{refused}");
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
