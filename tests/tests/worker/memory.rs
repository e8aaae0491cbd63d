//! What a worker holds is bounded, however much waits.

use std::time::Duration;

use copydesk_tests::{Broker, Record, Topics, wait_until};

use crate::worker::{Running, SOON, Shout, Slow, config};

const MIB: usize = 1 << 20;

#[test]
fn bodies_of_ten_megabytes_are_held_two_or_three_at_a_time() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    for i in 0..12 {
        let text = "x".repeat(10 * MIB);
        let article = serde_json::json!({"id": i.to_string(), "text": text});
        topics.raw.produce([Record::new(article.to_string())]);
    }
    let mut config = config(broker, &topics);
    config.limits.max_value_bytes = 11 * MIB;
    config.batch.max_bytes = MIB;
    let slow = Box::new(Slow(Duration::from_millis(100)));

    let worker = Running::start_with(config, vec![slow, Box::new(Shout)]);
    let mut most = 0.0_f64;
    wait_until("all are enriched", SOON, || {
        most = most.max(worker.counter("copydesk_in_flight_bytes"));
        worker.counter("copydesk_records_enriched_total") == 12.0
    });

    // One being gathered, one in the stages, one being committed; of two of them the result too.
    let bound = (5 * 10 * MIB + MIB) as f64;
    assert!(most > 0.0 && most <= bound, "{most} bytes, bound {bound}");
    worker.wait_counter("copydesk_in_flight_bytes", 0.0);
}
