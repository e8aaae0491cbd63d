//! Compressed records that unpack to a thousand times their size.

use std::time::Duration;

use copydesk_tests::{Broker, Record, Topics, secs, wait_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::worker::{Running, SOON, config};

/// Produces one record of `bytes` zeros; the broker takes it, as it weighs the compressed form.
fn produce_bomb(topic: &str, codec: &str, bytes: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", Broker::shared().bootstrap())
        .set("compression.type", codec)
        .set("message.max.bytes", "1000000000")
        .set("queue.buffering.max.kbytes", "2000000")
        .create()
        .expect("the settings are librdkafka's");
    let value = vec![0_u8; bytes];
    let record = BaseRecord::<(), [u8]>::to(topic).payload(&value);
    let sent = producer.send(record).map_err(|(error, _)| error);
    sent.expect("the queue has room");
    producer
        .flush(Duration::from_secs(60))
        .expect("the broker takes it");
}

#[test]
fn bomb_becomes_a_bare_dead_letter() {
    const BYTES: usize = 30 << 20;
    for codec in ["gzip", "lz4", "snappy", "zstd"] {
        let broker = Broker::shared();
        let topics = Topics::fresh(broker, 1);
        produce_bomb(&topics.raw.name, codec, BYTES);
        topics.raw.produce([Record::new("next")]);

        let _worker = Running::start(config(broker, &topics));
        topics.enriched.wait_committed(1, secs(120));
        let letters = topics.dead_letters.wait_committed(1, SOON);

        let omitted = letters[0].header_text("__connect.errors.value.omitted.bytes");
        assert_eq!(omitted, BYTES.to_string(), "{codec}");
        let reason = letters[0].header_text("__connect.errors.class.name");
        assert_eq!(reason, "value_too_large");
    }
}

/// librdkafka itself refuses to unpack zstd to more than its `receive.message.max.bytes`, and reads
/// no further: whoever operates this must hear of it.
#[test]
fn bomb_that_cannot_be_unpacked_is_told() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    produce_bomb(&topics.raw.name, "zstd", 150 << 20);

    let worker = Running::start(config(broker, &topics));

    wait_until("readiness names it", SOON, || {
        let why = worker.health.not_ready();
        why.is_some_and(|why| why.contains("cannot consume") && why.contains("compress"))
    });
}
