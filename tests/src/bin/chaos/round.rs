//! One round: trouble for a while, then peace, then the check.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use copydesk_tests::{Topic, Topics};
use copydesk_worker::Shutdown;
use fastrand::Rng;
use serde_json::json;

use crate::checker::check;
use crate::evidence::{Evidence, Output};
use crate::fleet::{Counts, Fleet};
use crate::generator::{Generator, Sent};
use crate::group::{Group, Offsets, Watch};
use crate::history::History;
use crate::log;
use crate::nemesis::{BrokerCounts, World, trouble_broker, trouble_network, trouble_workers};
use crate::orders::Orders;
use crate::planted::Plant;
use crate::violation::{Breach, Violation};

const PARTITIONS: i32 = 6;
/// Workers at the beginning, and at the end.
const WORKERS: usize = 3;
/// Once nothing is wrong any more, transactions that were left open end within this.
const OPEN_TRANSACTIONS: Duration = Duration::from_secs(60);
/// Between two looks at how far the group is.
const LOOK: Duration = Duration::from_millis(200);

/// What a round is to be like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// How long there is trouble.
    pub(crate) trouble: Duration,
    /// Once nothing is wrong any more, the workers may take this long for what is left.
    pub(crate) patience: Duration,
    /// Articles a second.
    pub(crate) rate: u32,
    /// The wrong worker to be in place of the right one, with trouble for workers alone.
    pub(crate) plant: Option<Plant>,
    /// Where histories are kept.
    pub(crate) folder: PathBuf,
}

/// What came of a round.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) history: PathBuf,
    pub(crate) articles: usize,
    pub(crate) dead_letters: usize,
    pub(crate) workers: Counts,
    pub(crate) broker: BrokerCounts,
    pub(crate) aborted_records: usize,
    pub(crate) violations: Vec<Violation>,
}

impl Report {
    /// How often the promise was broken in this way.
    pub(crate) fn count(&self, breach: Breach) -> usize {
        let same = self
            .violations
            .iter()
            .filter(|violation| violation.breach == breach);
        same.count()
    }
}

/// Runs a round.
pub(crate) fn run(world: &World, plan: &Plan) -> anyhow::Result<Report> {
    let start = Instant::now();
    let suffix = plan
        .plant
        .map(|plant| format!("-{plant:?}"))
        .unwrap_or_default();
    let history = Arc::new(History::begin(&plan.folder, plan.seed, &suffix)?);
    eprintln!(
        "seed {}: history in {}",
        plan.seed,
        history.path().display()
    );
    let topics = Topics::fresh(&world.broker, PARTITIONS);
    let round = Round {
        world,
        plan,
        group: format!("chaos.{}", topics.raw.name),
        topics,
        history,
        broker_counts: BrokerCounts::default(),
    };
    let mut random = Rng::with_seed(plan.seed);
    let watch = round.watch();
    let (mut fleet, sent) = round.trouble(&mut random);
    let mut violations = round.settle(&mut fleet);
    violations.append(&mut fleet.violations);
    let evidence = round.evidence(sent, watch.stop())?;
    violations.extend(check(&evidence));
    for violation in &violations {
        round
            .history
            .note("violation", json!(violation.to_string()));
    }
    for topic in [
        &round.topics.raw,
        &round.topics.enriched,
        &round.topics.dead_letters,
    ] {
        topic.delete();
    }
    Ok(Report {
        seed: plan.seed,
        seconds: start.elapsed().as_secs(),
        history: round.history.path().to_owned(),
        articles: evidence.input.len(),
        dead_letters: evidence.dead_letters.committed.len(),
        workers: fleet.counts,
        broker: round.broker_counts,
        aborted_records: evidence.enriched.aborted() + evidence.dead_letters.aborted(),
        violations,
    })
}

struct Round<'w> {
    world: &'w World,
    plan: &'w Plan,
    topics: Topics,
    group: String,
    history: Arc<History>,
    broker_counts: BrokerCounts,
}

impl Round<'_> {
    /// Workers at work, with trouble, until the time for it is over.
    fn trouble(&self, random: &mut Rng) -> (Fleet, Sent) {
        let orders = self.orders(random);
        self.history
            .note("round", json!({"seed": self.plan.seed, "orders": orders}));
        let bootstrap = self.world.broker.bootstrap();
        let raw = &self.topics.raw.name;
        let (rate, seed) = (self.plan.rate, random.u64(..));
        let generator = Generator::start(bootstrap, raw, rate, seed, &self.history);
        let (proxy, history) = (self.world.proxy.clone(), Arc::clone(&self.history));
        let fleet = Fleet::new(orders, WORKERS, random.fork(), proxy, history);
        let fleet = Mutex::new(fleet);
        let stop = Shutdown::new();
        let (world, counts, history) = (self.world, &self.broker_counts, &*self.history);
        thread::scope(|scope| {
            let (workers, broker, network) = (random.fork(), random.fork(), random.fork());
            scope.spawn(|| trouble_workers(&fleet, workers, &stop));
            if self.plan.plant.is_none() {
                scope.spawn(|| trouble_broker(world, broker, counts, history, &stop));
                scope.spawn(|| trouble_network(&world.proxy, network, counts, history, &stop));
            }
            Shutdown::new().wait_timeout(self.plan.trouble);
            stop.request();
        });
        self.world.proxy.heal();
        self.history.note("healed", json!(null));
        let fleet = fleet.into_inner().unwrap_or_else(PoisonError::into_inner);
        (fleet, generator.stop())
    }

    fn orders(&self, random: &mut Rng) -> Orders {
        let is_static = random.u32(..3) == 0;
        let assignments = match is_static {
            true => ["range", "roundrobin"],
            false => ["cooperative-sticky", "range"],
        };
        Orders {
            brokers: format!("127.0.0.1:{}", self.world.proxy.port()),
            group: self.group.clone(),
            instance: String::new(),
            assignment: assignments[random.usize(..assignments.len())].to_owned(),
            is_static,
            input: self.topics.raw.name.clone(),
            output: self.topics.enriched.name.clone(),
            dead_letters: self.topics.dead_letters.name.clone(),
            fuse: None,
            plant: self.plan.plant,
        }
    }

    /// Lets the workers come to the end, and stop.
    fn settle(&self, fleet: &mut Fleet) -> Vec<Violation> {
        let mut violations = Vec::new();
        fleet.heal(WORKERS);
        let group = self.group("read_committed");
        let raw = &self.topics.raw;
        // The generator has stopped: the ends stay.
        let ends = group.ends(raw).expect("the broker answers");
        let is_done = || {
            group
                .committed(raw)
                .is_ok_and(|committed| reached(&committed, &ends))
        };
        if !wait(self.plan.patience, is_done, || fleet.tend()) {
            let committed = group.committed(raw);
            let detail = format!("the group has committed {committed:?} of {ends:?}");
            violations.push(Violation::new(Breach::Stuck, detail));
        }
        while !fleet.finish() {
            thread::park_timeout(LOOK);
        }
        let uncommitted = self.group("read_uncommitted");
        for topic in [&self.topics.enriched, &self.topics.dead_letters] {
            let is_closed = || match (group.ends(topic), uncommitted.ends(topic)) {
                (Ok(stable), Ok(ends)) => stable == ends,
                _ => false,
            };
            if !wait(OPEN_TRANSACTIONS, is_closed, || {}) {
                let detail = format!("a transaction stays open in {}", topic.name);
                violations.push(Violation::new(Breach::Stuck, detail));
            }
        }
        violations
    }

    fn group(&self, isolation: &str) -> Group {
        let bootstrap = self.world.broker.bootstrap();
        Group::new(bootstrap, &self.group, isolation, PARTITIONS)
    }

    /// With `read_uncommitted`, which waits for no transaction to end.
    fn watch(&self) -> Watch {
        let (group, raw) = (self.group("read_uncommitted"), self.topics.raw.clone());
        Watch::start(group, raw, Arc::clone(&self.history))
    }

    fn evidence(&self, sent: Sent, progress: Vec<Offsets>) -> anyhow::Result<Evidence> {
        self.history.note("sent", json!(sent.articles));
        Ok(Evidence {
            input: self.topics.raw.drain_uncommitted(),
            acknowledged: sent.acknowledged,
            enriched: self.output(&self.topics.enriched)?,
            dead_letters: self.output(&self.topics.dead_letters)?,
            progress,
            committed: self.group("read_committed").committed(&self.topics.raw)?,
        })
    }

    fn output(&self, topic: &Topic) -> anyhow::Result<Output> {
        let committed = match self.plan.plant {
            Some(Plant::DirtyReader) => topic.drain_uncommitted(),
            _ => topic.drain_committed(),
        };
        let fates = log::read(&self.world.broker.data(), &topic.name, PARTITIONS)?;
        Ok(Output { committed, fates })
    }
}

fn reached(committed: &Offsets, ends: &Offsets) -> bool {
    ends.iter()
        .all(|(partition, end)| committed.get(partition) >= Some(end))
}

/// Waits until `holds`, and does `meanwhile`; whether it holds within `limit`.
fn wait(limit: Duration, holds: impl Fn() -> bool, mut meanwhile: impl FnMut()) -> bool {
    let end = Instant::now() + limit;
    while !holds() {
        if Instant::now() >= end {
            return false;
        }
        meanwhile();
        thread::park_timeout(LOOK);
    }
    true
}
