//! How long a rebalance halts the partitions that stay where they are, as a reader sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use copydesk_tests::{Broker, Record, Topics, wait_until};
use copydesk_worker::{Config, Shutdown, Stage};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message};

use crate::worker::{Running, SOON, Shout, Trace, articles, config, instance};

const PARTITIONS: i32 = 8;
/// Between two articles of a partition.
const EVERY: Duration = Duration::from_millis(20);
/// A worker comes or goes so often.
const CHANGES: usize = 16;
/// After a change the group is at rest again by then.
const WATCHED: Duration = Duration::from_secs(6);
/// Its partitions at that time are seen by then.
const AT_REST: Duration = Duration::from_secs(1);

/// When records from each input partition became visible under `read_committed`.
type Arrivals = Mutex<BTreeMap<i32, Vec<Instant>>>;

#[test]
#[ignore = "a measurement: make pauses"]
fn pauses_of_cooperative_rebalances() {
    measure("cooperative-sticky");
}

#[test]
#[ignore = "a measurement: make pauses"]
fn pauses_of_eager_rebalances() {
    measure("range");
}

fn measure(assignment: &str) {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, PARTITIONS);
    let mut config = config(broker, &topics);
    config.kafka.assignment = assignment.to_owned();
    let (arrivals, stop) = (Arrivals::default(), Shutdown::new());
    thread::scope(|scope| {
        let _end = RequestOnDrop(&stop);
        scope.spawn(|| feed(broker, &topics, &stop));
        scope.spawn(|| watch(broker, &topics, &arrivals, &stop));
        let mut group = Group::start(&config, &arrivals);
        report(assignment, "nobody comes or goes", group.watched(|_| {}));
        let pauses = (0..CHANGES).flat_map(|number| group.change(&config, number));
        report(assignment, "a worker comes or goes", pauses.collect());
    });
}

/// Ends the threads of a scope, also where a test fails.
struct RequestOnDrop<'s>(&'s Shutdown);

impl Drop for RequestOnDrop<'_> {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// Workers that share the partitions.
struct Group<'a> {
    members: Vec<Member>,
    arrivals: &'a Arrivals,
}

impl<'a> Group<'a> {
    fn start(config: &Config, arrivals: &'a Arrivals) -> Self {
        let members = vec![Member::start(config, "a"), Member::start(config, "b")];
        wait_until("records of all partitions arrive", SOON, || {
            lock(arrivals).len() == PARTITIONS as usize
        });
        let mut group = Self { members, arrivals };
        group.watched(|_| {});
        group
    }

    /// A third worker comes, or goes.
    fn change(&mut self, config: &Config, number: usize) -> Vec<Duration> {
        self.watched(|members| match members.len() {
            2 => members.push(Member::start(config, &format!("c{number}"))),
            _ => {
                let last = members.pop().expect("there are three");
                last.worker.stop().0.expect("it stops in good order");
            }
        })
    }

    /// The longest gap between two records of each partition that stays through a change.
    fn watched(&mut self, change: impl FnOnce(&mut Vec<Member>)) -> Vec<Duration> {
        let start = Instant::now();
        let of_members = |members: &[Member], until: Instant| -> Vec<BTreeSet<i32>> {
            let had = |member: &Member| member.had(until - AT_REST, until);
            members.iter().map(had).collect()
        };
        let before = of_members(&self.members, start);
        change(&mut self.members);
        Shutdown::new().wait_timeout(WATCHED);
        let end = Instant::now();
        let after = of_members(&self.members, end);
        let stayed = before
            .iter()
            .zip(&after)
            .flat_map(|(before, after)| before & after);
        stayed
            .map(|partition| longest_gap(&lock(self.arrivals)[&partition], start, end))
            .collect()
    }
}

struct Member {
    worker: Running,
    trace: Trace,
}

impl Member {
    fn start(config: &Config, name: &str) -> Self {
        let trace = Trace::default();
        let stages: Vec<Box<dyn Stage<_>>> = vec![Box::new(trace.clone()), Box::new(Shout)];
        let worker = Running::start_with(instance(config, name), stages);
        Self { worker, trace }
    }

    /// Partitions whose articles went through it between two instants.
    fn had(&self, from: Instant, until: Instant) -> BTreeSet<i32> {
        let passed = self.trace.passed().into_iter();
        let inside = passed.filter(|(_, time)| (from..until).contains(time));
        inside.map(|(partition, _)| partition).collect()
    }
}

fn longest_gap(times: &[Instant], from: Instant, until: Instant) -> Duration {
    let inside: Vec<Instant> = times
        .iter()
        .copied()
        .filter(|time| (from..until).contains(time))
        .collect();
    let gaps = inside.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or(until - from)
}

fn report(assignment: &str, what: &str, mut gaps: Vec<Duration>) {
    gaps.sort_unstable();
    let at = |percent: usize| gaps[(gaps.len() - 1) * percent / 100].as_millis();
    eprintln!(
        "{assignment}, {what}: longest gap of {} partitions that stay, in ms: median {}, p90 {}, p99 {}, most {}",
        gaps.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
}

fn feed(broker: &Broker, topics: &Topics, stop: &Shutdown) {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("linger.ms", "1")
        .create()
        .expect("the settings are librdkafka's");
    let article = articles(1, 100)
        .remove(0)
        .value
        .expect("articles have values");
    while !stop.wait_timeout(EVERY) {
        for partition in 0..PARTITIONS {
            let record = BaseRecord::<(), _>::to(&topics.raw.name);
            let sent = producer.send(record.partition(partition).payload(&article));
            sent.map_err(|(error, _)| error)
                .expect("the queue has room");
        }
    }
}

fn watch(broker: &Broker, topics: &Topics, arrivals: &Arrivals, stop: &Shutdown) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("group.id", format!("watch-{}", topics.enriched.name))
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "10")
        .create()
        .expect("the settings are librdkafka's");
    consumer
        .subscribe(&[&topics.enriched.name])
        .expect("a topic's name");
    while !stop.is_requested() {
        let Some(Ok(message)) = consumer.poll(EVERY) else {
            continue;
        };
        let record = Record::new(message.payload().expect("records have values"));
        let partition = record.json()["provenance"]["input"]["partition"].as_i64();
        let partition = i32::try_from(partition.unwrap_or_default()).expect("a small number");
        lock(arrivals)
            .entry(partition)
            .or_default()
            .push(Instant::now());
    }
}

fn lock(arrivals: &Arrivals) -> MutexGuard<'_, BTreeMap<i32, Vec<Instant>>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}
