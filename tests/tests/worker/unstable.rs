//! Partitions whose committed offset is not known yet: a transaction with a new one is still open.

use std::time::Duration;

use copydesk_tests::{Broker, Topics, wait_until};
use copydesk_worker::Config;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::worker::{Running, SOON, articles, assert_each_once, config};

const PARTITIONS: i32 = 2;
const COUNT: usize = 40;
const TIMEOUT: Duration = Duration::from_secs(10);

/// A member of the worker's group that is no worker.
fn member(config: &Config, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", &config.kafka.brokers)
        .set("group.id", group)
        .set("partition.assignment.strategy", &config.kafka.assignment)
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        .set("enable.auto.commit", "false")
        .create()
        .expect("the settings are librdkafka's")
}

/// Opens a transaction that holds the offset 1 of each partition, as a worker does that was halted
/// in it.
fn open_transaction(config: &Config, group: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.kafka.brokers)
        .set("transactional.id", format!("{group}.halted"))
        .set("transaction.timeout.ms", "600000")
        .create()
        .expect("the settings are librdkafka's");
    let begun = producer
        .init_transactions(TIMEOUT)
        .and_then(|()| producer.begin_transaction());
    begun.expect("the broker takes it");
    let mut offsets = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        let topic = &config.topics.input;
        offsets
            .add_partition_offset(topic, partition, Offset::Offset(1))
            .expect("a list of offsets");
    }
    let proof = member(config, group).group_metadata();
    let proof = proof.expect("it is of a group");
    producer
        .send_offsets_to_transaction(&offsets, &proof, TIMEOUT)
        .expect("the group has no members");
    producer
}

/// librdkafka asks for the offsets again and again until they are known. Where its partitions change
/// meanwhile, it takes the answer to the question before for the answer that there is none.
fn assigned_anew_while_offsets_are_open(assignment: &str) {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, PARTITIONS);
    let mut config = config(broker, &topics);
    config.kafka.assignment = assignment.to_owned();
    let group = format!("copydesk.{}", topics.raw.name);
    topics.raw.produce(articles(COUNT, 10));
    let first = Running::start(config.clone());
    topics.enriched.wait_committed(COUNT, SOON);
    first.stop().0.expect("it stops in good order");

    let open = open_transaction(&config, &group);
    let second = Running::start(config.clone());
    let has =
        |partitions: i32| second.counter("copydesk_partitions_assigned") == f64::from(partitions);
    wait_until("it has all partitions", SOON, || has(PARTITIONS));
    // Once the transaction stays open for longer than the worker waits, once it ends meanwhile.
    for is_last in [false, true] {
        let other = member(&config, &group);
        other
            .subscribe(&[&topics.raw.name])
            .expect("it is no member yet");
        wait_until("another has a partition", SOON, || {
            other.poll(Duration::from_millis(10));
            has(PARTITIONS - 1)
        });
        if is_last {
            open.abort_transaction(TIMEOUT).expect("it is open");
        }
        drop(other);
        wait_until("it has all partitions again", SOON, || has(PARTITIONS));
    }
    topics
        .raw
        .produce(articles(COUNT + 10, 10).split_off(COUNT));

    let enriched = topics.enriched.wait_committed(COUNT + 10, SOON);
    assert_each_once(&enriched, COUNT + 10);
    second.wait_counter("copydesk_lag_records", 0.0);
    assert_each_once(&topics.enriched.drain_committed(), COUNT + 10);
}

#[test]
fn open_offsets_are_waited_for_when_all_partitions_are_assigned_anew() {
    assigned_anew_while_offsets_are_open("range");
}

#[test]
fn open_offsets_are_waited_for_when_single_partitions_come_and_go() {
    assigned_anew_while_offsets_are_open("cooperative-sticky");
}
