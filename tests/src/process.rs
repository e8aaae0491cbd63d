//! The built program, as a child of the test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::wait_until;

/// A run of the program `copydesk`, or of another. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// The program, as built beside this test.
    pub fn program() -> PathBuf {
        let test = std::env::current_exe().expect("a test has a path");
        // target/<profile>/deps/<test>
        let folder = test.ancestors().nth(2).expect("tests are built into deps/");
        let program = folder.join("copydesk");
        assert!(
            program.exists(),
            "{} is not built: run 'cargo build -p copydesk'",
            program.display()
        );
        program
    }

    /// Starts the program; what it writes is kept in the log.
    pub fn spawn(
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        env: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        Self::spawn_program(&Self::program(), args, env)
    }

    /// Starts another program, in the same way.
    pub fn spawn_program(
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        env: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        let mut child = Command::new(program)
            .args(args)
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::default();
        keep(child.stdout.take().expect("it is piped"), &log);
        keep(child.stderr.take().expect("it is piped"), &log);
        Self { child, log }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended; `None` while it runs.
    pub fn exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is our child")
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until the log contains `text`.
    pub fn wait_log(&self, text: &str, limit: Duration) {
        wait_until(&format!("{text:?} in the log"), limit, || {
            self.log().contains(text)
        });
    }

    /// Ends it by SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Sends a signal by its name, e.g. `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(
            sent.expect("kill is installed").success(),
            "cannot send {name}"
        );
    }

    /// Waits until it ends by itself.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        wait_until("the program ends", limit, || {
            status = self.exit();
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail where it has ended, which is well.
        self.child.kill().ok();
        self.child.wait().ok();
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

fn keep(output: impl Read + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
}
