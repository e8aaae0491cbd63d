//! At least once: without transactions nothing is lost either.

use std::time::Duration;

use copydesk_tests::{Broker, Record, Topic, Topics, wait_until};
use copydesk_worker::Config;
use copydesk_worker::config::Delivery;

use crate::child::{Child, Orders, hasty};
use crate::worker::{
    Running, SOON, Shout, Slow, articles, assert_each_once, assert_none_lost, assert_order_per_key,
    config, distinct,
};

fn at_least_once(broker: &Broker, topics: &Topics) -> Config {
    let mut config = config(broker, topics);
    config.kafka.delivery = Delivery::AtLeastOnce;
    config
}

#[test]
fn without_a_fault_all_arrive_once_and_in_order_per_key() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 3);
    let mut records = articles(500, 100);
    records.insert(100, Record::new("{"));
    topics.raw.produce(records);
    let config = at_least_once(broker, &topics);

    let first = Running::start(config.clone());
    let enriched = topics.enriched.wait_committed(500, SOON);
    topics.dead_letters.wait_committed(1, SOON);
    first.wait_counter("copydesk_records_enriched_total", 500.0);
    first.stop().0.expect("it stops in good order");
    // What was committed is not read again.
    let second = Running::start(config);
    topics.raw.produce(articles(501, 100).split_off(500));
    let after = topics.enriched.wait_committed(501, SOON);

    assert_each_once(&enriched, 500);
    assert_order_per_key(&enriched);
    assert_each_once(&after, 501);
    second.wait_counter("copydesk_records_consumed_total", 1.0);
}

#[test]
fn killed_worker_loses_nothing() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 3);
    topics.raw.produce(articles(600, 100));
    let orders = Orders {
        at_least_once: true,
        ..Orders::default()
    };
    for _ in 0..3 {
        let before = topics.enriched.drain_committed().len();
        let mut child = Child::start(broker, &topics, orders);
        topics.enriched.wait_committed((before + 50).min(600), SOON);
        child.kill();
    }

    let _last = Running::start(hasty(at_least_once(broker, &topics)));

    wait_until("none is lost", SOON, || {
        topics.enriched.drain_committed().len() >= 600
    });
    let last = articles(601, 100).split_off(600);
    topics.raw.produce(last);
    wait_until("the last has come", SOON, || {
        topics
            .enriched
            .drain_committed()
            .iter()
            .any(|record| record.id() == "600")
    });
    let all = |topic: &Topic| topic.drain_committed();
    wait_until("all partitions are done", SOON, || {
        distinct(&all(&topics.enriched)) == 601
    });
    assert_none_lost(&all(&topics.enriched), 601);
}

#[test]
fn killed_broker_loses_nothing() {
    let broker = Broker::start();
    let topics = Topics::fresh(&broker, 3);
    topics.raw.produce(articles(1000, 100));
    let mut config = at_least_once(&broker, &topics);
    config.batch.max_records = 20;
    let slow = Box::new(Slow(Duration::from_millis(20)));
    let worker = Running::start_with(config, vec![slow, Box::new(Shout)]);
    wait_until("some are committed", SOON, || {
        worker.counter("copydesk_records_enriched_total") >= 200.0
    });

    broker.kill();
    worker.wait_not_ready(broker.bootstrap());
    broker.restart();

    wait_until("none is lost", SOON, || {
        distinct(&topics.enriched.drain_committed()) == 1000
    });
    worker.wait_ready();
}

#[test]
fn refused_record_costs_itself_alone() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    let small = [("max.message.bytes", "20000")];
    topics.enriched = Topic::fresh(broker, "enriched-small", 1, &small);
    let mut records = articles(60, 1000);
    records.insert(10, Record::new("grow"));
    records.insert(50, Record::new("grow"));
    topics.raw.produce(records);
    let mut config = at_least_once(broker, &topics);
    config.output.compression = "none".to_owned();

    let worker = Running::start(config);
    worker.wait_counter("copydesk_records_enriched_total", 60.0);
    worker.wait_counter("copydesk_records_rejected_total", 2.0);

    assert_each_once(&topics.enriched.drain_committed(), 60);
    assert_eq!(topics.dead_letters.drain_committed().len(), 2);
}
