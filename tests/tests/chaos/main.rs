//! The short run of `make chaos`: the checker finds wrong workers, and nothing in the right one.

use std::process::Command;

/// Runs the checker; what it says where it fails.
fn chaos(arguments: &[&str]) {
    let program = env!("CARGO_BIN_EXE_chaos");
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/chaos");
    let run = Command::new(program)
        .args(["--histories", folder])
        .args(arguments)
        .output();

    let run = run.expect("the checker is built");
    let (said, errors) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{said}\n{errors}");
}

#[test]
fn checker_finds_each_planted_bug_and_nothing_else() {
    chaos(&["--planted", "--seed", "1", "--rate", "60"]);
}

#[test]
fn worker_loses_and_doubles_nothing_whatever_dies() {
    chaos(&["--seconds", "1", "--round-seconds", "30", "--seed", "1"]);
}
