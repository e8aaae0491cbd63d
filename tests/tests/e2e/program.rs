//! Runs the built program to its end.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use copydesk_proto::{Article, Format, decode};
use copydesk_tests::Process;

/// The program with arguments and an empty environment, in a folder that is not the project's.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(Process::program());
    command
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// The records on standard output.
    pub(crate) fn records(&self) -> Vec<Article> {
        let record = |line: &str| decode(line.as_bytes(), Format::Json, []).unwrap();
        self.stdout.lines().map(record).collect()
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.records().into_iter().map(|record| record.id).collect()
    }
}

/// Runs the program with arguments alone.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    command(arguments).output().unwrap().into()
}

/// Runs the program with `input` on its standard input.
pub(crate) fn run_with<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    input: impl Into<Vec<u8>>,
) -> Ended {
    let mut command = command(arguments);
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = pipes.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let input = input.into();
    // On a thread of its own: a program that writes before it has read all would wait for ever.
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let ended = process.wait_with_output().unwrap().into();
    // The program may end before it has read all.
    drop(feeder.join().unwrap());
    ended
}
