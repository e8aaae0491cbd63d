//! What comes out of librdkafka's queues.

use copydesk_tests::{Broker, Topics, secs};

use crate::worker::{Running, SOON, Slow, articles, config};

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
