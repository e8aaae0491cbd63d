//! The properties of the Kafka clients: those that exactly-once rests on, and the settings' own.

use rdkafka::ClientConfig;

use crate::config::{Config, Delivery};

/// Bytes in a kibibyte, in which librdkafka has some limits.
const KIB: usize = 1024;

/// Properties of the consumer.
pub(crate) fn consumer(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    let mut client = common(config);
    // Records of aborted transactions are not ours to read. This also has the committed offsets
    // fetched with `require_stable`: never past a transaction whose outcome is still open.
    client.set("isolation.level", "read_committed");
    // Offsets are committed with the records, by the producer in its transactions or by the sink.
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    client.set("auto.offset.reset", "earliest");
    client.set("allow.auto.create.topics", "false");
    client.set("group.id", &kafka.group);
    if !kafka.group_instance_id.is_empty() {
        client.set("group.instance.id", &kafka.group_instance_id);
    }
    client.set("partition.assignment.strategy", &kafka.assignment);
    client.set("session.timeout.ms", kafka.session_timeout_ms.to_string());
    client.set(
        "heartbeat.interval.ms",
        (kafka.session_timeout_ms / 4).to_string(),
    );
    client.set(
        "max.poll.interval.ms",
        kafka.max_poll_interval_ms.to_string(),
    );
    client.set(
        "queued.max.messages.kbytes",
        (kafka.prefetch_bytes / KIB).to_string(),
    );
    // Their bytes are counted without keys and headers, so that these need a limit of their own.
    client.set("queued.min.messages", "10000");
    client.set("fetch.max.bytes", kafka.prefetch_bytes.to_string());
    // How soon to fetch again once there is room; a second by default, in which a batch may starve.
    client.set("fetch.queue.backoff.ms", "20");
    with_properties(client, config)
}

/// Properties of the producer.
pub(crate) fn producer(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    let mut client = common(config);
    if kafka.delivery == Delivery::ExactlyOnce {
        client.set("transactional.id", &kafka.transactional_id);
        client.set(
            "transaction.timeout.ms",
            kafka.transaction_timeout_ms.to_string(),
        );
    }
    client.set("enable.idempotence", "true");
    client.set("acks", "all");
    client.set("message.timeout.ms", kafka.commit_timeout_ms.to_string());
    client.set("message.max.bytes", kafka.max_record_bytes.to_string());
    client.set("compression.type", &config.output.compression);
    // A batch is sent all at once: waiting for more would only delay its commit.
    client.set("linger.ms", "1");
    // As Java clients do, so that a key goes to the same partition whoever writes.
    client.set("partitioner", "murmur2_random");
    let queue_bytes = 4 * config.batch.max_bytes + 2 * kafka.max_record_bytes;
    client.set(
        "queue.buffering.max.kbytes",
        (queue_bytes / KIB + 1).to_string(),
    );
    with_properties(client, config)
}

fn common(config: &Config) -> ClientConfig {
    let kafka = &config.kafka;
    let mut client = ClientConfig::new();
    client.set(
        "client.id",
        format!("copydesk.{}.{}", config.service, kafka.instance),
    );
    client.set("bootstrap.servers", &kafka.brokers);
    client.set("socket.timeout.ms", kafka.request_timeout_ms.to_string());
    client.set("reconnect.backoff.max.ms", "1000");
    client.set("log.connection.close", "false");
    client.set("statistics.interval.ms", "1000");
    client
}

/// Last, but for what `Config::validate` refuses: the settings' own word counts.
fn with_properties(mut client: ClientConfig, config: &Config) -> ClientConfig {
    for (name, value) in config.kafka.librdkafka.iter() {
        client.set(name, value);
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Properties;

    #[test]
    fn settings_own_word_counts_in_both_clients() {
        let mut config = Config::sample();
        let own =
            ["linger.ms", "queued.min.messages"].map(|name| (name.to_owned(), "7".to_owned()));
        config.kafka.librdkafka = Properties::from_iter(own);

        assert_eq!(producer(&config).get("linger.ms"), Some("7"));
        assert_eq!(consumer(&config).get("queued.min.messages"), Some("7"));
    }
}
