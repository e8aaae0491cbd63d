//! What waits in librdkafka's queues.

use copydesk_tests::{Broker, Topics, secs, wait_until};

use crate::worker::{Running, SOON, Slow, articles, config};

#[test]
fn records_that_are_fetched_and_not_read_are_shown() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 4);
    topics.raw.produce(articles(1000, 100));
    let mut config = config(broker, &topics);
    config.batch.max_records = 10;

    let worker = Running::start_with(config, vec![Box::new(Slow(secs(2)))]);

    let records = || worker.counter("copydesk_fetch_queue_records");
    let bytes = || worker.counter("copydesk_fetch_queue_bytes");
    wait_until("the fetch queue is shown", SOON, || {
        records() > 900.0 && bytes() > 90_000.0
    });
    let (records, bytes) = (records(), bytes());
    assert!(records <= 1000.0, "{records} records of 1000");
    assert!(bytes < 400_000.0, "{bytes} bytes of 1000 records");
}

#[test]
fn records_that_no_broker_acknowledges_are_shown() {
    let broker = Broker::start();
    let topics = Topics::fresh(&broker, 1);
    topics.raw.produce(articles(10, 100));
    let slow = Box::new(Slow(secs(3)));
    let worker = Running::start_with(config(&broker, &topics), vec![slow]);
    wait_until("it has read", SOON, || {
        worker.counter("copydesk_in_flight_records") > 0.0
    });

    broker.kill();

    wait_until("the producer's queue is shown", SOON, || {
        worker.counter("copydesk_produce_queue_records") > 0.0
            && worker.counter("copydesk_produce_queue_bytes") > 100.0
    });
}

#[test]
fn news_of_librdkafka_do_not_cut_a_batch_short() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    topics.raw.produce(articles(40, 100));
    let mut config = config(broker, &topics);
    config.batch.max_records = 10;

    // Longer than from one of its statistics to the next.
    let worker = Running::start_with(config, vec![Box::new(Slow(secs(2)))]);

    topics.enriched.wait_committed(40, SOON);
    let batches = worker.counter("copydesk_batches_total");
    assert!(batches <= 6.0, "{batches} batches of 10 for 40 records");
}
