//! Workers that are halted for so long that the broker has given them up, and then go on.

use std::time::Duration;

use copydesk_tests::{Broker, Topics, secs, wait_until};
use copydesk_worker::Config;
use copydesk_worker::config::Delivery;

use crate::child::{Child, Orders, hasty};
use crate::worker::{
    Running, SOON, Shout, Slow, articles, assert_each_once, assert_none_lost, assert_order_per_key,
    config, distinct,
};

const COUNT: usize = 600;

fn start(config: Config) -> Running {
    let slow = Box::new(Slow(Duration::from_millis(5)));
    Running::start_with(config, vec![slow, Box::new(Shout)])
}

/// Halts the child while it has a transaction open: with something written that is not committed.
fn halt_in_a_transaction(child: &Child, topics: &Topics) {
    wait_until("a transaction is open", SOON, || {
        child.signal("STOP");
        let is_open = topics.enriched.end() > topics.enriched.stable_end();
        if !is_open {
            child.signal("CONT");
        }
        is_open
    });
}

/// A child does the first articles, another worker goes on while it is halted, and both to the end.
fn halted_past_all_timeouts(orders: Orders) {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 4);
    topics.raw.produce(articles(COUNT, 100));
    let mut child = Child::start(broker, &topics, orders);
    topics.enriched.wait_committed(20, SOON);
    halt_in_a_transaction(&child, &topics);

    let mut config = hasty(config(broker, &topics));
    config.kafka.assignment = orders.assignment().to_owned();
    let other = start(config);
    wait_until("another has all partitions", SOON, || {
        other.counter("copydesk_partitions_assigned") == 4.0
    });
    wait_until("the halted transaction is aborted", SOON, || {
        other.counter("copydesk_records_enriched_total") > 100.0
    });
    child.signal("CONT");
    wait_until("the halted one has partitions again", SOON, || {
        other.counter("copydesk_partitions_assigned") < 4.0
    });
    topics
        .raw
        .produce(articles(COUNT + 100, 100).split_off(COUNT));

    let enriched = topics.enriched.wait_committed(COUNT + 100, SOON);
    assert_each_once(&enriched, COUNT + 100);
    assert_order_per_key(&enriched);
    assert_eq!(child.exit(), None, "it must not take itself for fenced");
}

#[test]
fn zombie_commits_nothing_and_begins_anew() {
    halted_past_all_timeouts(Orders::default());
}

#[test]
fn static_zombie_commits_nothing_and_begins_anew() {
    halted_past_all_timeouts(Orders {
        is_static: true,
        ..Orders::default()
    });
}

/// Without transactions it is the consumer that commits. Here it does so when the broker knows it
/// under a new member id, and the consumer does not: until the other has left its stage, which the
/// rebalance waits for.
#[test]
fn static_zombie_that_meets_itself_begins_anew() {
    const FEW: usize = 60;
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 4);
    topics.raw.produce(articles(FEW, 100));
    let orders = Orders {
        at_least_once: true,
        is_static: true,
        halts: true,
    };
    let mut child = Child::start(broker, &topics, orders);
    wait_until("it is halted", SOON, || child.is_halted());

    let mut config = hasty(config(broker, &topics));
    config.kafka.assignment = orders.assignment().to_owned();
    config.kafka.delivery = Delivery::AtLeastOnce;
    let slow = Box::new(Slow(secs(2)));
    let other = Running::start_with(config, vec![slow, Box::new(Shout)]);
    wait_until("another has all partitions", SOON, || {
        other.counter("copydesk_partitions_assigned") == 4.0
    });
    child.signal("CONT");
    wait_until("the halted one has partitions again", SOON, || {
        other.counter("copydesk_partitions_assigned") < 4.0
    });

    drop(other);
    wait_until("all is done", SOON, || {
        distinct(&topics.enriched.drain_committed()) == FEW
    });
    assert_none_lost(&topics.enriched.drain_committed(), FEW);
    assert_eq!(child.exit(), None, "it must not take itself for replaced");
}

#[test]
fn halted_worker_that_nobody_replaced_goes_on() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 4);
    topics.raw.produce(articles(COUNT, 100));
    let mut child = Child::start(broker, &topics, Orders::default());
    topics.enriched.wait_committed(20, SOON);
    halt_in_a_transaction(&child, &topics);

    wait_until("the transaction is aborted", SOON, || {
        topics.enriched.end() == topics.enriched.stable_end()
    });
    child.signal("CONT");

    let enriched = topics.enriched.wait_committed(COUNT, SOON);
    assert_each_once(&enriched, COUNT);
    assert_order_per_key(&enriched);
    assert_eq!(child.exit(), None, "it must not take itself for fenced");
}

#[test]
fn static_worker_that_was_replaced_says_so_and_ends() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 4);
    topics.raw.produce(articles(COUNT, 100));
    let orders = Orders {
        at_least_once: true,
        is_static: true,
        ..Orders::default()
    };
    let mut replaced = Child::start(broker, &topics, orders);
    topics.enriched.wait_committed(20, SOON);

    let _successor = Child::start(broker, &topics, orders);

    assert!(!replaced.wait_exit().success());
}
