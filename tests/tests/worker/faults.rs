//! Nothing is lost and nothing is done twice, whatever stops in the middle.

use std::time::Duration;

use copydesk_tests::{Broker, Topics, secs, wait_until};
use copydesk_worker::Error;

use crate::worker::{
    Running, SOON, Shout, Slow, SlowOnce, articles, assert_each_once, assert_order_per_key, config,
};

#[test]
fn broker_killed_in_the_middle_loses_and_doubles_nothing() {
    let broker = Broker::start();
    let topics = Topics::fresh(&broker, 3);
    topics.raw.produce(articles(1000, 100));
    let mut config = config(&broker, &topics);
    config.batch.max_records = 20;
    let slow = Box::new(Slow(Duration::from_millis(20)));
    let worker = Running::start_with(config, vec![slow, Box::new(Shout)]);
    wait_until("some are committed", SOON, || {
        worker.counter("copydesk_records_enriched_total") >= 200.0
    });

    broker.kill();
    worker.wait_not_ready(broker.bootstrap());
    broker.restart();

    let enriched = topics.enriched.wait_committed(1000, SOON);
    assert_each_once(&enriched, 1000);
    assert_order_per_key(&enriched);
    worker.wait_ready();
}

#[test]
fn worker_stopped_in_the_middle_leaves_the_rest_to_the_next() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 3);
    topics.raw.produce(articles(600, 100));
    let mut config = config(broker, &topics);
    config.batch.max_records = 20;
    let slow = Box::new(Slow(Duration::from_millis(50)));
    let worker = Running::start_with(config.clone(), vec![slow, Box::new(Shout)]);
    wait_until("some are committed", SOON, || {
        worker.counter("copydesk_records_enriched_total") >= 100.0
    });

    let (result, took) = worker.stop();
    let _next = Running::start(config);

    result.unwrap();
    assert!(took < secs(10), "{took:?}");
    let enriched = topics.enriched.wait_committed(600, SOON);
    assert_each_once(&enriched, 600);
    assert_order_per_key(&enriched);
}

#[test]
fn idle_worker_stops_at_once() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let worker = Running::start(config(broker, &topics));
    worker.wait_ready();

    let (result, took) = worker.stop();

    result.unwrap();
    assert!(took < secs(3), "{took:?}");
}

#[test]
fn second_worker_with_the_same_identity_fences_the_first() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 3);
    let config = config(broker, &topics);
    let mut first = Running::start(config.clone());
    first.wait_ready();
    topics.raw.produce(articles(100, 100));
    topics.enriched.wait_committed(100, SOON);

    let second = Running::start(config.clone());
    second.wait_ready();
    topics.raw.produce(articles(200, 100).split_off(100));
    let error = first.wait_end().unwrap_err();

    assert!(matches!(error, Error::Fenced { .. }), "{error}");
    let id = format!("copydesk.{}.0", config.service);
    assert!(error.to_string().contains(&id), "{error}");
    assert_each_once(&topics.enriched.wait_committed(200, SOON), 200);
}

#[test]
fn stage_slower_than_the_poll_interval_loses_and_doubles_nothing() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 3);
    topics.raw.produce(articles(300, 100));
    let mut config = config(broker, &topics);
    config.kafka.session_timeout_ms = 2_000;
    config.kafka.max_poll_interval_ms = 2_000;
    config.limits.article_timeout_ms = 1_000;
    let pause = Box::new(SlowOnce(Some(secs(4))));

    let worker = Running::start_with(config, vec![pause, Box::new(Shout)]);

    let enriched = topics.enriched.wait_committed(300, SOON);
    assert_each_once(&enriched, 300);
    assert_order_per_key(&enriched);
    // Assigned, lost, assigned again.
    assert!(worker.counter("copydesk_rebalances_total") >= 3.0);
}

#[test]
fn worker_stops_in_time_though_the_broker_is_gone() {
    let broker = Broker::start();
    let topics = Topics::fresh(&broker, 3);
    topics.raw.produce(articles(1000, 100));
    let mut config = config(&broker, &topics);
    config.batch.max_records = 20;
    let slow = Box::new(Slow(Duration::from_millis(20)));
    let worker = Running::start_with(config, vec![slow]);
    wait_until("some are committed", SOON, || {
        worker.counter("copydesk_records_enriched_total") >= 20.0
    });

    broker.kill();
    worker.wait_not_ready(broker.bootstrap());
    let (result, took) = worker.stop();

    result.unwrap();
    assert!(took < secs(10), "{took:?}");
}
