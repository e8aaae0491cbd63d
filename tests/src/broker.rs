//! A Kafka broker of the tests' own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// How a broker differs from the one that tests share.
#[derive(Clone, Copy, Debug, Default)]
pub struct BrokerOptions {
    /// Port of a proxy that leads to [`Broker::proxied`].
    pub proxy_port: Option<u16>,
    /// Size of a disk of its own for its data, in memory; takes the rights to mount one.
    pub disk_mib: Option<u32>,
}

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
        Self::begin("start", &[], BrokerOptions::default())
    }

    /// A broker of one's own that differs from others.
    pub fn start_as(options: BrokerOptions) -> Self {
        Self::begin("start", &[], options)
    }

    fn begin(command: &str, users: &[&str], options: BrokerOptions) -> Self {
        let folder = TempDir::with_prefix("copydesk-broker-")
            .expect("a temporary folder")
            .keep();
        let watchdog = watchdog(&folder);
        if let Some(mib) = options.disk_mib {
            mount(&folder.join(DATA), mib);
        }
        let env = options
            .proxy_port
            .map(|port| ("PROXY_PORT", port.to_string()));
        let bootstrap = script(command, &folder, users, env);
        Self {
            bootstrap,
            folder,
            watchdog,
        }
    }

    /// A broker of one's own that also listens with TLS, SASL and ACLs, for users with the
    /// password `{user}-password`. What comes by the usual address may do all.
    pub fn secure(users: &[&str]) -> Self {
        let user = |user: &&str| format!("{user}={user}-password");
        let users: Vec<_> = users.iter().map(user).collect();
        let users: Vec<_> = users.iter().map(String::as_str).collect();
        Self::begin("secure", &users, BrokerOptions::default())
    }

    /// The address that is secured.
    pub fn secure_address(&self) -> String {
        let address = fs::read_to_string(self.folder.join("secure"));
        address
            .expect("the broker is a secure one")
            .trim()
            .to_owned()
    }

    /// What its certificate is signed by.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Gives users a right on `topic=NAME`, `group=NAME` or `transactional-id=NAME`; where the name
    /// ends in `*`, on all that begin so.
    pub fn allow(&self, operation: &str, resource: &str, users: &[&str]) {
        let rights = [&[operation, resource], users].concat();
        script("allow", &self.folder, &rights, None);
    }

    /// The address for clients, `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The folder of its data: a disk of its own where it was given one.
    pub fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    /// The address that a proxy for its clients is to connect to.
    pub fn proxied(&self) -> SocketAddr {
        let address = fs::read_to_string(self.folder.join("proxied"));
        let address = address.expect("the broker was started with a proxy's port");
        address.trim().parse().expect("broker.sh writes an address")
    }

    /// Whether its process runs.
    pub fn is_running(&self) -> bool {
        let pid = fs::read_to_string(self.folder.join("pid"));
        pid.is_ok_and(|pid| Path::new("/proc").join(pid.trim()).join("exe").exists())
    }

    /// Ends it by SIGKILL.
    pub fn kill(&self) {
        script("kill", &self.folder, &[], None);
    }

    /// Stops it in good order.
    pub fn stop(&self) {
        script("stop", &self.folder, &[], None);
    }

    /// Starts it again, with the same address and data.
    pub fn restart(&self) {
        script("restart", &self.folder, &[], None);
    }
}

/// Name of the folder of the data in the folder of a broker.
const DATA: &str = "data";

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        self.watchdog
            .wait()
            .expect("the watchdog is a child of this process");
    }
}

fn watchdog(folder: &Path) -> Child {
    let script = r#"read -r; "$0" kill "$1"; umount --quiet --lazy "$1/data"; rm -rf "$1""#;
    Command::new("setsid")
        .args(["bash", "-c", script])
        .args([broker_script().as_path(), folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("setsid and bash are installed")
}

fn mount(folder: &Path, mib: u32) {
    fs::create_dir(folder).expect("the folder is the broker's own");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "copydesk"])
        .arg(folder)
        .status();
    let mounted = mounted.expect("mount is installed");
    assert!(mounted.success(), "cannot mount {}", folder.display());
}

/// Runs `broker.sh`; what it prints.
fn script(command: &str, folder: &Path, more: &[&str], env: Option<(&str, String)>) -> String {
    let output = Command::new(broker_script())
        .arg(command)
        .arg(folder)
        .args(more)
        .envs(env)
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
