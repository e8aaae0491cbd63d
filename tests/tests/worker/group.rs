//! Workers of a group share the partitions; one that comes or goes loses and doubles nothing.

use std::thread;
use std::time::{Duration, Instant};

use copydesk_tests::{Broker, Topics, wait_until};
use copydesk_worker::Config;
use copydesk_worker::config::Delivery;

use crate::worker::{
    Running, SOON, Shout, Slow, articles, assert_each_once, assert_order_per_key, config, distinct,
    instance,
};

/// Feeds articles until `holds`; `fed` counts them.
///
/// At most 500 a second: a slow machine is not given more than a fast one.
fn feed_until(topics: &Topics, fed: &mut usize, what: &str, holds: impl Fn() -> bool) {
    let mut next = Instant::now();
    wait_until(what, SOON, || {
        if Instant::now() < next {
            return holds();
        }
        next += Duration::from_millis(200);
        feed(topics, fed, 100);
        holds()
    });
}

fn start(config: &Config, name: &str) -> Running {
    let slow = Box::new(Slow(Duration::from_millis(20)));
    Running::start_with(instance(config, name), vec![slow, Box::new(Shout)])
}

/// One worker begins, a second joins, a third, and the first leaves.
fn come_and_go(assignment: &str, delivery: Delivery) {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 6);
    let mut fed = 0;
    let mut config = config(broker, &topics);
    config.kafka.assignment = assignment.to_owned();
    config.kafka.delivery = delivery;
    config.batch.max_records = 10;
    let enriched = |worker: &Running| worker.counter("copydesk_records_enriched_total");

    let first = start(&config, "first");
    feed_until(&topics, &mut fed, "the first commits", || {
        enriched(&first) > 50.0
    });
    let second = start(&config, "second");
    feed_until(&topics, &mut fed, "the second commits", || {
        enriched(&second) > 50.0
    });
    let third = start(&config, "third");
    feed_until(&topics, &mut fed, "the third commits", || {
        enriched(&third) > 50.0
    });
    first.stop().0.expect("it stops in good order");

    match delivery {
        Delivery::ExactlyOnce => {
            let records = topics.enriched.wait_committed(fed, SOON);
            assert_each_once(&records, fed);
            assert_order_per_key(&records);
        }
        Delivery::AtLeastOnce => wait_until("none is lost", SOON, || {
            distinct(&topics.enriched.drain_committed()) == fed
        }),
    }
    wait_until("all is counted", SOON, || {
        second.counter("copydesk_lag_records") + third.counter("copydesk_lag_records") == 0.0
    });
}

#[test]
fn cooperative_rebalances_lose_and_double_nothing() {
    come_and_go("cooperative-sticky", Delivery::ExactlyOnce);
}

#[test]
fn eager_rebalances_lose_and_double_nothing() {
    come_and_go("range", Delivery::ExactlyOnce);
}

#[test]
fn cooperative_rebalances_without_transactions_lose_nothing() {
    come_and_go("cooperative-sticky", Delivery::AtLeastOnce);
}

#[test]
fn eager_rebalances_without_transactions_lose_nothing() {
    come_and_go("range", Delivery::AtLeastOnce);
}

/// Commits are slower here than stages, so that the next batch is nearly always full, and all
/// partitions are paused, when some of them go to another worker, and when they come back.
fn there_and_back(assignment: &str) {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 6);
    let mut fed = 0;
    let mut config = config(broker, &topics);
    config.kafka.assignment = assignment.to_owned();
    config.batch.max_records = 5;
    let join = |name| Running::start_with(instance(&config, name), vec![Box::new(Shout)]);
    let first = join("first");
    feed_until(&topics, &mut fed, "the first has all partitions", || {
        partitions(&first) == 6
    });

    let second = join("second");
    feed_until(&topics, &mut fed, "the second has half of them", || {
        partitions(&second) == 3
    });
    second.stop().0.expect("it stops in good order");
    feed_until(&topics, &mut fed, "they come back", || {
        partitions(&first) == 6
    });

    let records = topics.enriched.wait_committed(fed, SOON);
    assert_each_once(&records, fed);
}

#[test]
fn paused_partitions_go_and_come_back_cooperatively() {
    there_and_back("cooperative-sticky");
}

#[test]
fn paused_partitions_go_and_come_back_eagerly() {
    there_and_back("range");
}

const BACKLOG: usize = 500;

fn feed(topics: &Topics, fed: &mut usize, count: usize) {
    topics
        .raw
        .produce(articles(*fed + count, 100).split_off(*fed));
    *fed += count;
}

/// One worker, eight, three; each change under load.
fn one_eight_three(assignment: &str) {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 8);
    let mut fed = 0;
    let mut config = config(broker, &topics);
    config.kafka.assignment = assignment.to_owned();
    config.batch.max_records = 50;
    let mut workers = vec![start(&config, "0")];
    feed_until(&topics, &mut fed, "the first commits", || {
        workers[0].counter("copydesk_records_enriched_total") > 200.0
    });

    feed(&topics, &mut fed, BACKLOG);
    workers.extend((1..8).map(|name| start(&config, &name.to_string())));
    feed_until(&topics, &mut fed, "all eight have a partition", || {
        workers.iter().all(|worker| partitions(worker) == 1)
    });
    feed(&topics, &mut fed, BACKLOG);
    stop_all_but_three(&topics, &mut fed, &mut workers);

    let records = topics.enriched.wait_committed(fed, SOON);
    assert_each_once(&records, fed);
    assert_order_per_key(&records);
}

fn stop_all_but_three(topics: &Topics, fed: &mut usize, workers: &mut Vec<Running>) {
    let leaving: Vec<_> = workers.drain(3..).collect();
    thread::scope(|scope| {
        for worker in leaving {
            scope.spawn(|| worker.stop().0.expect("it stops in good order"));
        }
        feed_until(topics, fed, "three have all partitions", || {
            workers.iter().map(partitions).sum::<usize>() == 8
        });
    });
}

fn partitions(worker: &Running) -> usize {
    worker.counter("copydesk_partitions_assigned") as usize
}

#[test]
fn one_to_eight_to_three_cooperative_workers_lose_and_double_nothing() {
    one_eight_three("cooperative-sticky");
}

#[test]
fn one_to_eight_to_three_eager_workers_lose_and_double_nothing() {
    one_eight_three("range");
}

/// One of two workers ends and is started again before its session is over.
#[test]
fn restart_of_a_static_worker_moves_no_partition() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 6);
    let mut config = config(broker, &topics);
    config.kafka.assignment = "range".to_owned();
    config.kafka.group_instance_id = "{service}.{instance}".to_owned();
    config.kafka.session_timeout_ms = 30_000;
    let (stays, leaves) = (start(&config, "stays"), start(&config, "leaves"));
    wait_until("both have their partitions", SOON, || {
        [&stays, &leaves].map(|worker| worker.counter("copydesk_partitions_assigned")) == [3.0; 2]
    });
    topics.raw.produce(articles(100, 100));
    topics.enriched.wait_committed(100, SOON);
    let rebalances = stays.counter("copydesk_rebalances_total");

    leaves.stop().0.expect("it stops in good order");
    topics.raw.produce(articles(200, 100).split_off(100));
    let back = start(&config, "leaves");

    assert_each_once(&topics.enriched.wait_committed(200, SOON), 200);
    assert_eq!(back.counter("copydesk_partitions_assigned"), 3.0);
    assert_eq!(stays.counter("copydesk_rebalances_total"), rebalances);
}
