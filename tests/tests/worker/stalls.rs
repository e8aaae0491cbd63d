//! A worker that gets nothing done is not alive; one that waits for others is.

use copydesk_tests::{Broker, Topic, Topics, wait_until};
use copydesk_worker::Config;

use crate::worker::{Running, SOON, articles, config};

/// Settings by which a stall soon shows.
fn hasty(broker: &Broker, topics: &Topics) -> Config {
    let mut config = config(broker, topics);
    config.limits.article_timeout_ms = 100;
    config.limits.stall_timeout_ms = 4_000;
    config
}

#[test]
fn worker_that_begins_anew_for_ever_is_not_alive() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    topics.raw.produce(articles(10, 100));
    let mut config = hasty(broker, &topics);
    // More than a broker allows, which it says whenever a transaction is prepared.
    config.kafka.transaction_timeout_ms = 3_600_000;

    let worker = Running::start(config);

    wait_until("it is stalled", SOON, || worker.health.stalled().is_some());
    assert!(worker.counter("copydesk_session_restarts_total") >= 2.0);
}

#[test]
fn worker_that_waits_for_a_topic_is_alive() {
    let broker = Broker::shared();
    let mut topics = Topics::fresh(broker, 1);
    topics.dead_letters = Topic::unborn(broker, "dlq-unborn");
    topics.raw.produce(articles(10, 100));
    let mut config = hasty(broker, &topics);
    config.limits.stall_timeout_ms = 1_000;

    let worker = Running::start(config);
    worker.wait_not_ready(&topics.dead_letters.name);
    wait_until("it has begun anew for long", SOON, || {
        worker.counter("copydesk_session_restarts_total") >= 8.0
    });

    assert_eq!(worker.health.stalled(), None);
}
