//! A Kafka broker of the tests' own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// A broker, from `deploy/broker.sh`. It ends with the process that started it, however that ends.
#[derive(Debug)]
pub struct Broker {
    bootstrap: String,
    folder: PathBuf,
    /// Ends the broker when this process closes the child's input, which its death does too.
    watchdog: Child,
}

impl Broker {
    /// The broker that the tests of a binary share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A broker of one's own, to be killed and restarted.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("copydesk-broker-")
            .expect("a temporary folder")
            .keep();
        let watchdog = watchdog(&folder);
        let bootstrap = script("start", &folder);
        Self {
            bootstrap,
            folder,
            watchdog,
        }
    }

    /// The address for clients, `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Ends it by SIGKILL.
    pub fn kill(&self) {
        script("kill", &self.folder);
    }

    /// Stops it in good order.
    pub fn stop(&self) {
        script("stop", &self.folder);
    }

    /// Starts it again, with the same address and data.
    pub fn restart(&self) {
        script("restart", &self.folder);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        self.watchdog
            .wait()
            .expect("the watchdog is a child of this process");
    }
}

fn watchdog(folder: &Path) -> Child {
    let script = r#"read -r; "$0" kill "$1"; rm -rf "$1""#;
    Command::new("setsid")
        .args(["bash", "-c", script])
        .args([broker_script().as_path(), folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("setsid and bash are installed")
}

/// Runs `broker.sh`; what it prints.
fn script(command: &str, folder: &Path) -> String {
    let output = Command::new(broker_script())
        .arg(command)
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .expect("deploy/broker.sh is there");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "broker.sh {command} failed: {errors}"
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn broker_script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/broker.sh")
}
