//! Workers of a group share the partitions; one that comes or goes loses and doubles nothing.

use std::time::{Duration, Instant};

use copydesk_tests::{Broker, Topics, wait_until};
use copydesk_worker::Config;

use crate::worker::{
    Running, SOON, Shout, Slow, articles, assert_each_once, assert_order_per_key, config, instance,
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
        let more = articles(*fed + 100, 100).split_off(*fed);
        *fed += more.len();
        topics.raw.produce(more);
        holds()
    });
}

fn start(config: &Config, name: &str) -> Running {
    let slow = Box::new(Slow(Duration::from_millis(20)));
    Running::start_with(instance(config, name), vec![slow, Box::new(Shout)])
}

/// One worker begins, a second joins, a third, and the first leaves.
fn come_and_go(assignment: &str) {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 6);
    let mut fed = 0;
    let mut config = config(broker, &topics);
    config.kafka.assignment = assignment.to_owned();
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

    let records = topics.enriched.wait_committed(fed, SOON);
    assert_each_once(&records, fed);
    assert_order_per_key(&records);
    wait_until("all is counted", SOON, || {
        second.counter("copydesk_lag_records") + third.counter("copydesk_lag_records") == 0.0
    });
}

#[test]
fn cooperative_rebalances_lose_and_double_nothing() {
    come_and_go("cooperative-sticky");
}

#[test]
fn eager_rebalances_lose_and_double_nothing() {
    come_and_go("range");
}
