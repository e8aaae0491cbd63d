//! Settings: where they come from, and what happens to wrong ones.

use std::fs;

use crate::program::{command, run};

/// Runs `run --check-config` with more arguments, and expects that it refuses.
fn refused(arguments: &[&str]) -> String {
    let ended = run(["run", "--check-config"].iter().chain(arguments));
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    ended.stderr
}

#[test]
fn help_is_there_for_every_command() {
    for command in [
        &["--help"][..],
        &["run", "--help"],
        &["text", "-h"],
        &["feed", "-h"],
        &["tail", "-h"],
        &["replay", "--help"],
    ] {
        let ended = run(command);

        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("Usage: copydesk"), "{}", ended.stdout);
    }
}

#[test]
fn unknown_setting_is_named_with_its_source() {
    let stderr = refused(&["--set", "kafka.broker=localhost:9092"]);

    assert!(stderr.contains("kafka.broker "), "{stderr}");
    assert!(stderr.contains("--set"), "{stderr}");
    assert!(stderr.contains("brokers"), "{stderr}");
}

#[test]
fn wrong_type_is_named_with_value_and_expectation() {
    let stderr = refused(&["--set", "batch.max_records=many"]);

    for part in ["batch.max_records", "\"many\"", "--set", "a whole number"] {
        assert!(stderr.contains(part), "no {part} in {stderr}");
    }
}

#[test]
fn value_out_of_range_is_named() {
    let cases = [
        ("batch.max_records=0", "batch.max_records"),
        ("kafka.brokers=", "kafka.brokers"),
        ("topics.tagged=articles.raw", "topics.tagged"),
        ("admin.bind=nowhere", "admin.bind"),
        ("encoder.precision=int3", "encoder.precision"),
        ("encoder.engine=abacus", "encoder.engine"),
        ("log.level=shout=x=y", "log.level"),
        ("output.format=xml", "output.format"),
        ("kafka.librdkafka.acks=1", "kafka.librdkafka"),
    ];

    for (setting, name) in cases {
        let stderr = refused(&["--set", setting]);
        assert!(stderr.contains(name), "no {name} in {stderr}");
        assert!(stderr.contains("--set"), "no source in {stderr}");
    }
}

#[test]
fn file_that_is_not_there_is_named() {
    let stderr = refused(&["--config", "/nowhere/copydesk.toml"]);

    assert!(stderr.contains("/nowhere/copydesk.toml"), "{stderr}");
}

#[test]
fn later_source_wins_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copydesk.toml");
    fs::write(
        &file,
        "[kafka]\nbrokers = 'file:1'\ngroup = 'g'\n[batch]\nlinger_ms = 7\n",
    )
    .unwrap();
    let arguments = ["run", "--check-config", "--brokers", "flag:1", "--config"];

    let mut program = command(arguments);
    program
        .arg(&file)
        .env("COPYDESK__KAFKA__GROUP", "h")
        .env("COPYDESK__BATCH__MAX_RECORDS", "9");
    let shown = String::from_utf8(program.output().unwrap().stdout).unwrap();

    let line = |setting: &str| {
        let mut lines = shown.lines();
        lines
            .find(|line| line.starts_with(setting))
            .unwrap_or_else(|| panic!("{setting} in {shown}"))
    };
    assert_eq!(
        line("kafka.brokers"),
        "kafka.brokers = \"flag:1\"  # --brokers"
    );
    assert!(line("kafka.group").starts_with("kafka.group = \"h\"  # environment"));
    assert!(
        line("batch.max_records").contains("# environment variable COPYDESK__BATCH__MAX_RECORDS")
    );
    assert_eq!(
        line("batch.linger_ms"),
        format!("batch.linger_ms = 7  # {}", file.display())
    );
    assert!(line("batch.max_bytes").ends_with("# the defaults"));
}

#[test]
fn secrets_are_not_shown() {
    let set = ["--set", "kafka.librdkafka.sasl.password=hunter2"];

    let ended = run(["run", "--check-config"].iter().chain(&set));

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("sasl.password"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("hunter2"), "{}", ended.stdout);
}

#[test]
fn admin_port_is_on_loopback_unless_told() {
    let ended = run(["run", "--check-config"]);

    let line = ended
        .stdout
        .lines()
        .find(|line| line.starts_with("admin.bind"));
    let address = line.unwrap().split('"').nth(1).unwrap();
    let address: std::net::SocketAddr = address.parse().unwrap();
    assert!(address.ip().is_loopback(), "{address}");
}

#[test]
fn bad_usage_is_2() {
    for arguments in [
        &["run", "nonsense"][..],
        &["text", "--format", "xml"],
        &["nonsense"],
        &[],
    ] {
        assert_eq!(run(arguments).code, Some(2), "{arguments:?}");
    }
}
