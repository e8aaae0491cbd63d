//! The worker processes: started, watched, started again when they have ended.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use copydesk_tests::{Process, Proxy};
use fastrand::Rng;
use serde_json::json;
use signal_hook::consts::{SIGABRT, SIGKILL};

use crate::fuse::{Deed, Fuse};
use crate::history::History;
use crate::orders::{MAX_POLL_INTERVAL, Orders, SESSION, TRANSACTION};
use crate::violation::{Breach, Violation};
use crate::worker::FENCED;

/// A worker that was asked to stop, and is still there after this, is stuck.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// What a worker says when it gets partitions.
const ASSIGNED: &str = "partitions assigned";
/// Exit status of a Rust program that has panicked.
const PANICKED: i32 = 101;

/// What the nemesis has done to workers, and what they did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Killed from outside.
    pub(crate) killed: usize,
    /// Killed by themselves, at a step of their work.
    pub(crate) killed_at_a_step: usize,
    /// Halted, and woken up later.
    pub(crate) halted: usize,
    /// Asked to stop.
    pub(crate) stopped: usize,
    /// Ended since another one had their identity.
    pub(crate) fenced: usize,
    /// Those of them for which the other one was a late request.
    pub(crate) fenced_late: usize,
    /// At a stage that took longer than the poll interval.
    pub(crate) slow: usize,
    pub(crate) scaled_up: usize,
    pub(crate) scaled_down: usize,
    pub(crate) rebalances: usize,
    pub(crate) aborted_transactions: usize,
    pub(crate) restarted_sessions: usize,
}

/// The workers of a round.
pub(crate) struct Fleet {
    orders: Orders,
    history: Arc<History>,
    proxy: Proxy,
    random: Rng,
    /// How many are to run, each in a place of its own, which gives it its name.
    size: usize,
    places: BTreeMap<usize, Worker>,
    /// Workers whose place was given to another while they were halted.
    rivals: Vec<Worker>,
    /// Whether new workers get a fuse.
    lays_fuses: bool,
    pub(crate) counts: Counts,
    pub(crate) violations: Vec<Violation>,
}

struct Worker {
    process: Process,
    orders: Orders,
    start: Instant,
    /// Whether another one with its identity has run beside it.
    has_rival: bool,
    /// Halted until then.
    halted: Option<Instant>,
    /// When it was asked to stop.
    stopping: Option<Instant>,
    killed: bool,
}

impl Fleet {
    pub(crate) fn new(
        orders: Orders,
        size: usize,
        random: Rng,
        proxy: Proxy,
        history: Arc<History>,
    ) -> Self {
        Self {
            orders,
            history,
            proxy,
            random,
            size,
            places: BTreeMap::new(),
            rivals: Vec::new(),
            lays_fuses: true,
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    /// Looks after all workers.
    pub(crate) fn tend(&mut self) {
        let mut workers = std::mem::take(&mut self.rivals);
        let places = std::mem::take(&mut self.places);
        workers.retain_mut(|worker| self.tend_one(worker));
        self.rivals = workers;
        for (place, mut worker) in places {
            if self.tend_one(&mut worker) {
                self.places.insert(place, worker);
            }
        }
        for place in 0..self.size {
            if !self.places.contains_key(&place) {
                self.start(place);
            }
        }
    }

    /// Ends one by SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(worker) = random_of(&mut self.places, &mut self.random) {
            self.history.note("kill", json!(worker.process.id()));
            worker.killed = true;
            worker.process.kill();
            self.counts.killed += 1;
        }
    }

    /// Halts one by SIGSTOP, for a time that may be longer than its session.
    pub(crate) fn halt(&mut self) {
        if let Some(worker) = random_of(&mut self.places, &mut self.random)
            && worker.stopping.is_none()
        {
            self.history.note("halt", json!(worker.process.id()));
            worker.process.signal("STOP");
        }
    }

    /// Starts a second worker with the identity of one that is halted, or just runs.
    pub(crate) fn rival(&mut self) {
        let halted = |worker: &&Worker| worker.halted.is_some();
        let place = self.places.iter().find(|(_, worker)| halted(worker));
        let place = place.or(self.places.iter().next()).map(|(&place, _)| place);
        if let Some(place) = place
            && let Some(mut worker) = self.places.remove(&place)
        {
            worker.has_rival = true;
            self.history.note("rival", json!(worker.process.id()));
            self.rivals.push(worker);
            self.start(place);
        }
    }

    /// Asks one to stop.
    pub(crate) fn stop(&mut self) {
        if let Some(worker) = random_of(&mut self.places, &mut self.random) {
            self.counts.stopped += usize::from(worker.stop(&self.history));
        }
    }

    /// Has more or fewer of them.
    pub(crate) fn scale(&mut self, size: usize) {
        self.history.note("scale", json!(size));
        self.counts.scaled_up += usize::from(size > self.size);
        self.counts.scaled_down += usize::from(size < self.size);
        self.size = size;
        for (_, worker) in self.places.range_mut(size..) {
            self.counts.stopped += usize::from(worker.stop(&self.history));
        }
    }

    /// Wakes all, and lays no more fuses.
    pub(crate) fn heal(&mut self, size: usize) {
        self.lays_fuses = false;
        self.scale(size);
        for worker in self.places.values_mut().chain(&mut self.rivals) {
            worker.wake();
        }
    }

    /// Asks all to stop; whether they have.
    pub(crate) fn finish(&mut self) -> bool {
        self.size = 0;
        for worker in self.places.values_mut().chain(&mut self.rivals) {
            worker.wake();
            worker.stop(&self.history);
        }
        self.tend();
        self.places.is_empty() && self.rivals.is_empty()
    }

    fn start(&mut self, place: usize) {
        let mut orders = self.orders.clone();
        orders.instance = place.to_string();
        if self.lays_fuses && self.random.u32(..4) > 0 {
            let slow = MAX_POLL_INTERVAL.mul_f64(1.5);
            orders.fuse = Some(match orders.plant {
                Some(_) => Fuse::before_commit(&mut self.random),
                None => Fuse::random(&mut self.random, slow),
            });
        }
        let words = serde_json::to_string(&orders).expect("orders are plain data");
        // Poison panics all the time, and to name the lines of a stack takes a second.
        let env = [("RUST_BACKTRACE", "0")];
        let process = Process::spawn_program(&program(), ["worker", &words], env);
        let detail = json!({"id": process.id(), "instance": orders.instance, "fuse": orders.fuse});
        self.history.note("start", detail);
        let instance = &orders.instance;
        let is_same = |rival: &Worker| rival.orders.instance == *instance;
        let worker = Worker {
            process,
            has_rival: self.rivals.iter().any(is_same),
            orders,
            start: Instant::now(),
            halted: None,
            stopping: None,
            killed: false,
        };
        self.places.insert(place, worker);
    }

    /// Whether it still runs.
    fn tend_one(&mut self, worker: &mut Worker) -> bool {
        if let Some(status) = worker.process.exit() {
            self.note_end(worker, status);
            return false;
        }
        match worker.halted {
            None if is_halted(worker.process.id()) => {
                let ms = self.random.u64(500..9_000);
                worker.halted = Some(Instant::now() + Duration::from_millis(ms));
                let detail = json!({"id": worker.process.id(), "for_ms": ms});
                self.history.note("halted", detail);
                self.counts.halted += 1;
            }
            Some(until) if Instant::now() >= until => worker.wake(),
            _ => {}
        }
        if worker
            .stopping
            .is_some_and(|since| since.elapsed() > STOP_LIMIT)
        {
            let detail = format!(
                "worker {} does not stop: {}",
                worker.process.id(),
                worker.last()
            );
            self.violations.push(Violation::new(Breach::Ended, detail));
            worker.killed = true;
            worker.process.kill();
        }
        true
    }

    fn note_end(&mut self, worker: &Worker, status: ExitStatus) {
        let log = worker.process.log();
        self.counts.rebalances += log.matches(ASSIGNED).count();
        self.counts.aborted_transactions += log.matches("transaction aborted, batch").count();
        self.counts.restarted_sessions += log.matches("will start again").count();
        let detail = json!({
            "id": worker.process.id(), "status": status.to_string(), "log": log,
        });
        self.history.note("end", detail);
        self.counts.slow += usize::from(worker.was_slow(&log));
        let fenced = status.code() == Some(i32::from(FENCED));
        if fenced {
            self.check_fence(worker);
        }
        let at_a_step = !worker.killed && worker.has_blown(status);
        self.counts.killed_at_a_step += usize::from(at_a_step);
        let stopped = worker.stopping.is_some() && status.success();
        // The plainest worker ends at any error.
        let expected = fenced || at_a_step || stopped || worker.orders.plant.is_some();
        if !expected && !worker.killed {
            let id = worker.process.id();
            let detail = format!("worker {id} has ended with {status}: {}", worker.last());
            self.violations.push(Violation::new(Breach::Ended, detail));
        }
    }

    /// A fence is right where another one had the same identity: a worker beside this one, or a
    /// late request of its own or of one before it. To be halted is not enough: the worker is to
    /// tell that its transaction was aborted for its age, and to go on.
    fn check_fence(&mut self, worker: &Worker) {
        self.counts.fenced += 1;
        let id = worker.process.id();
        if worker.has_rival {
            return;
        }
        if worker.claims_again(&self.proxy) {
            self.history.note("fenced by a late request", json!(id));
            self.counts.fenced_late += 1;
            return;
        }
        let detail = format!("worker {id} had no rival: {}", worker.last());
        self.violations.push(Violation::new(Breach::Fenced, detail));
    }
}

impl Worker {
    /// Whether a request by which this worker, or one before it, takes its identity for itself has
    /// come to the broker late, in this one's time.
    fn claims_again(&self, proxy: &Proxy) -> bool {
        let ms = |time: Duration| i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        // InitProducerId, the only one in which the time limit comes after the id.
        let limit = ms(TRANSACTION).to_be_bytes();
        let init = [self.orders.transactional_id().as_bytes(), &limit].concat();
        // JoinGroup, the only one in which the session does; the instance id of a static member
        // comes later, before the kind of protocol, each with its length.
        let session = ms(SESSION).to_be_bytes();
        let join = [self.orders.group.as_bytes(), &session].concat();
        let instance = format!("\0\x01{}\0\x08consumer", self.orders.instance);
        proxy.has_brought_late(&[&init], self.start)
            || proxy.has_brought_late(&[&join, instance.as_bytes()], self.start)
    }

    fn was_slow(&self, log: &str) -> bool {
        let fuse = self.orders.fuse.as_ref();
        fuse.is_some_and(|fuse| fuse.was_slow_stage(log))
    }

    fn wake(&mut self) {
        if self.halted.take().is_some() || is_halted(self.process.id()) {
            self.process.signal("CONT");
        }
    }

    /// Asks it to stop; whether that is news.
    fn stop(&mut self, history: &History) -> bool {
        if self.stopping.is_some() || self.halted.is_some() {
            return false;
        }
        history.note("stop", json!(self.process.id()));
        self.stopping = Some(Instant::now());
        self.process.signal("TERM");
        true
    }

    /// Whether it has had partitions.
    fn is_at_work(&self) -> bool {
        self.orders.plant.is_some() || self.process.log().contains(ASSIGNED)
    }

    /// Whether its own fuse explains how it has ended.
    fn has_blown(&self, status: ExitStatus) -> bool {
        match self.orders.fuse.as_ref().map(|fuse| fuse.deed) {
            Some(Deed::Kill) => status.signal() == Some(SIGKILL),
            // A panic in a callback from librdkafka cannot unwind.
            Some(Deed::Panic) => {
                status.code() == Some(PANICKED) || status.signal() == Some(SIGABRT)
            }
            _ => false,
        }
    }

    /// The last lines of its log.
    fn last(&self) -> String {
        let log = self.process.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(6)..].join("\n")
    }
}

/// This program.
fn program() -> PathBuf {
    std::env::current_exe().expect("a program has a path")
}

/// One of the workers, mostly one that has partitions: on a slow machine most have not come to that,
/// and to kill them proves little.
fn random_of<'w>(
    places: &'w mut BTreeMap<usize, Worker>,
    random: &mut Rng,
) -> Option<&'w mut Worker> {
    let is_any = random.u32(..5) == 0;
    let candidates = places.values_mut();
    let mut candidates: Vec<_> = candidates
        .filter(|worker| is_any || worker.is_at_work())
        .collect();
    if candidates.is_empty() {
        return None;
    }
    Some(candidates.swap_remove(random.usize(..candidates.len())))
}

/// Whether a process is halted, by itself or by others.
fn is_halted(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('T'))
}
