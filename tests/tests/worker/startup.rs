//! What is not there yet is waited for, and named.

use copydesk_tests::{Broker, Record, Topic, Topics};
use copydesk_worker::config::Properties;

use crate::worker::{Running, SOON, config, instance};

#[test]
fn missing_topic_is_named_and_waited_for() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    topics.dead_letters = Topic::unborn(broker, "dlq-unborn");
    topics.raw.produce([Record::new("a")]);

    let worker = Running::start(config(broker, &topics));
    worker.wait_not_ready(&topics.dead_letters.name);
    topics.dead_letters.create(1, &[]);

    worker.wait_ready();
    assert_eq!(topics.enriched.wait_committed(1, SOON).len(), 1);
}

#[test]
fn missing_broker_is_named_and_waited_for() {
    let broker = Broker::start();
    let topics = Topics::fresh(&broker, 1);
    topics.raw.produce([Record::new("a")]);
    broker.stop();

    let worker = Running::start(config(&broker, &topics));
    worker.wait_not_ready(broker.bootstrap());
    broker.restart();

    worker.wait_ready();
    assert_eq!(topics.enriched.wait_committed(1, SOON).len(), 1);
}

#[test]
fn group_that_shares_partitions_in_another_way_is_told() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 2);
    let mut eager = config(broker, &topics);
    eager.kafka.assignment = "range".to_owned();
    let before = Running::start(config(broker, &topics));
    before.wait_ready();

    let worker = Running::start(instance(&eager, "1"));
    worker.wait_not_ready("kafka.assignment");
    drop(before);

    worker.wait_ready();
}

#[test]
fn property_that_librdkafka_does_not_know_is_named() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let mut config = config(broker, &topics);
    let property = ("sasl.pasword".to_owned(), "secret".to_owned());
    config.kafka.librdkafka = Properties::from_iter([property]);

    let error = Running::start(config).wait_end().unwrap_err().to_string();

    assert!(
        error.contains("sasl.pasword") && !error.contains("secret"),
        "{error}"
    );
}
