//! What processes take of the machine, their children included.

use std::fs;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Ticks of the kernel's clock in a second, on every Linux of today.
const TICKS: f64 = 100.0;
/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// Memory at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Seconds since the watch began.
    pub(crate) at: f64,
    /// Resident memory.
    pub(crate) mib: f64,
}

/// Watches processes until it is dropped.
pub(crate) struct Watch {
    pids: Vec<u32>,
    seen: Arc<Mutex<Seen>>,
    /// Ends the thread when it is dropped.
    _stop: Sender<()>,
}

#[derive(Default)]
struct Seen {
    samples: Vec<Sample>,
    peak_mib: f64,
    cpu_seconds: f64,
}

impl Watch {
    /// Watches processes that run.
    pub(crate) fn start(pids: Vec<u32>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopped) = channel();
        let (shared, watched, start) = (Arc::clone(&seen), pids.clone(), Instant::now());
        thread::spawn(move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                lock(&shared).look(&watched, start.elapsed().as_secs_f64());
            }
        });
        Self {
            pids,
            seen,
            _stop: stop,
        }
    }

    /// Processor time so far; what was seen last of processes that are gone.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let mut seen = lock(&self.seen);
        seen.count_cpu(&self.pids);
        seen.cpu_seconds
    }

    /// The largest resident memory so far.
    pub(crate) fn peak_mib(&self) -> f64 {
        lock(&self.seen).peak_mib
    }

    /// Memory over time.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        lock(&self.seen).samples.clone()
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    fn look(&mut self, pids: &[u32], at: f64) {
        self.count_cpu(pids);
        let trees: Vec<Vec<u32>> = pids.iter().map(|&pid| tree(pid)).collect();
        let mib: f64 = trees.iter().filter_map(|tree| resident_mib(tree)).sum();
        let peak: f64 = trees.iter().filter_map(|tree| peak_mib(tree)).sum();
        self.samples.push(Sample { at, mib });
        self.peak_mib = self.peak_mib.max(peak);
    }

    fn count_cpu(&mut self, pids: &[u32]) {
        let all = pids.iter().flat_map(|&pid| tree(pid));
        let cpu: f64 = all.filter_map(cpu_seconds).sum();
        self.cpu_seconds = self.cpu_seconds.max(cpu);
    }
}

/// A process and all that descend from it.
fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(children(parent));
        next += 1;
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let lists = tasks.into_iter().flatten().flatten();
    lists
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// Resident memory of related processes, what they share counted once.
fn resident_mib(tree: &[u32]) -> Option<f64> {
    match tree {
        [pid] => kib(*pid, "status", "VmRSS:"),
        _ => shared_once(tree),
    }
}

/// The most that it was: exact for a process on its own, else what is there now.
fn peak_mib(tree: &[u32]) -> Option<f64> {
    match tree {
        [pid] => kib(*pid, "status", "VmHWM:"),
        _ => shared_once(tree),
    }
}

fn shared_once(tree: &[u32]) -> Option<f64> {
    let parts = tree
        .iter()
        .filter_map(|&pid| kib(pid, "smaps_rollup", "Pss:"));
    parts.reduce(|sum, part| sum + part)
}

/// A field in KiB of a file of a process, in MiB; `None` once it is gone.
fn kib(pid: u32, file: &str, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Processor time of a process and of its children that have ended; `None` once it is gone.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold spaces and brackets.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(4);
    let ticks: Option<Vec<f64>> = ticks.map(|field| field.parse().ok()).collect();
    Some(ticks?.iter().sum::<f64>() / TICKS)
}
