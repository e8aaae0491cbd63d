//! Topics with names of their own, so that tests run side by side.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message, Timestamp};

use crate::{Broker, wait_until};

const REQUEST: Duration = Duration::from_secs(60);

/// A record as it goes in, or as it came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Partition that it came from; a key decides where it goes to.
    pub partition: i32,
    /// Its offset there.
    pub kafka_offset: i64,
    /// Milliseconds since 1970; `None` lets the producer say.
    pub timestamp_ms: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// A record with a value and nothing else.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// With a key.
    pub fn key(self, key: impl Into<Vec<u8>>) -> Self {
        Self {
            key: Some(key.into()),
            ..self
        }
    }

    /// With another header.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The value of the header of this name, as text; empty where there is none.
    pub fn header_text(&self, name: &str) -> String {
        let header = self.headers.iter().find(|(other, _)| other == name);
        header
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .unwrap_or_default()
    }

    /// The value as JSON.
    pub fn json(&self) -> serde_json::Value {
        let value = self.value.as_deref().expect("the record has a value");
        serde_json::from_slice(value).expect("the value is JSON")
    }

    /// The article's id, from a value that is JSON.
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_default().to_owned()
    }
}

/// A topic on a broker.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    bootstrap: String,
}

impl Topic {
    /// A topic that does not exist yet, with a name of its own that begins with `stem`.
    pub fn unborn(broker: &Broker, stem: &str) -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let suffix = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("{stem}-{}-{suffix}", std::process::id());
        Self {
            name,
            bootstrap: broker.bootstrap().to_owned(),
        }
    }

    /// A topic of this name, which may exist.
    pub fn named(broker: &Broker, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            bootstrap: broker.bootstrap().to_owned(),
        }
    }

    /// A topic with a name of its own that begins with `stem`.
    pub fn fresh(broker: &Broker, stem: &str, partitions: i32, config: &[(&str, &str)]) -> Self {
        let topic = Self::unborn(broker, stem);
        topic.create(partitions, config);
        topic
    }

    /// Creates it.
    pub fn create(&self, partitions: i32, config: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self
            .client()
            .create()
            .expect("the settings are librdkafka's");
        let topic = NewTopic {
            name: &self.name,
            num_partitions: partitions,
            replication: TopicReplication::Fixed(1),
            config: config.to_vec(),
        };
        let options = AdminOptions::new().operation_timeout(Some(REQUEST));
        let created = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(admin.create_topics([&topic], &options));
        let results = created.expect("the broker answers");
        assert_eq!(results, [Ok(self.name.clone())]);
        // The answer may come before every part of the broker knows of the topic.
        let consumer: BaseConsumer = self
            .client()
            .create()
            .expect("the settings are librdkafka's");
        wait_until("the topic is known", REQUEST, || {
            self.count_partitions(&consumer) == partitions
        });
    }

    /// Puts other bytes of the same length into what its first partition holds, in `broker`'s log:
    /// there is no producer here that would send them.
    pub fn forge(&self, broker: &Broker, sent: &[u8], wanted: &[u8]) {
        let log = format!("{}-0/00000000000000000000.log", self.name);
        let path = broker.data().join(log);
        let mut log = fs::read(&path).expect("the broker has the topic's log");
        let place = log.windows(sent.len()).position(|bytes| bytes == sent);
        let place = place.expect("it is in there as it was sent");
        log[place..place + sent.len()].copy_from_slice(wanted);
        fs::write(&path, log).expect("the log can be written");
    }

    /// Produces records, in order, outside of any transaction.
    pub fn produce(&self, records: impl IntoIterator<Item = Record>) {
        let producer: ThreadedProducer<DefaultProducerContext> = self
            .client()
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .set("message.max.bytes", "50000000")
            .set("queue.buffering.max.kbytes", "1000000")
            .set("partitioner", "murmur2_random")
            .create()
            .expect("the settings are librdkafka's");
        for record in records {
            let headers =
                record
                    .headers
                    .iter()
                    .fold(OwnedHeaders::new(), |headers, (key, value)| {
                        headers.insert(Header {
                            key,
                            value: Some(value),
                        })
                    });
            let send = BaseRecord {
                topic: &self.name,
                partition: None,
                payload: record.value.as_deref(),
                key: record.key.as_deref(),
                timestamp: record.timestamp_ms,
                headers: Some(headers),
                delivery_opaque: (),
            };
            producer
                .send(send)
                .map_err(|(error, _)| error)
                .expect("the queue has room");
        }
        wait_until("all is delivered", REQUEST, || {
            producer.in_flight_count() == 0
        });
    }

    /// Everything committed so far: by partition, each in order.
    pub fn drain_committed(&self) -> Vec<Record> {
        self.drain("read_committed")
    }

    /// Everything written so far, aborted transactions and open ones included.
    pub fn drain_uncommitted(&self) -> Vec<Record> {
        self.drain("read_uncommitted")
    }

    /// Deletes it.
    pub fn delete(&self) {
        let admin: AdminClient<DefaultClientContext> = self
            .client()
            .create()
            .expect("the settings are librdkafka's");
        let options = AdminOptions::new().operation_timeout(Some(REQUEST));
        let deleted = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(admin.delete_topics(&[&self.name], &options));
        let results = deleted.expect("the broker answers");
        assert_eq!(results, [Ok(self.name.clone())]);
    }

    fn drain(&self, isolation: &str) -> Vec<Record> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", "unused")
            .set("isolation.level", isolation)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "10")
            .create()
            .expect("the settings are librdkafka's");
        let mut open: BTreeSet<i32> = (0..self.count_partitions(&consumer)).collect();
        let mut list = TopicPartitionList::new();
        for &partition in &open {
            list.add_partition_offset(&self.name, partition, Offset::Beginning)
                .expect("the beginning is an offset");
        }
        consumer
            .assign(&list)
            .expect("a consumer takes an assignment");
        let mut records = Vec::new();
        wait_until("the ends of the partitions are read", REQUEST, || {
            while let Some(polled) = consumer.poll(Duration::from_millis(100)) {
                match polled {
                    Ok(message) => records.push(read(&message)),
                    Err(KafkaError::PartitionEOF(partition)) => {
                        open.remove(&partition);
                    }
                    Err(error) => eprintln!("{}: {error}", self.name),
                }
                if open.is_empty() {
                    return true;
                }
            }
            open.is_empty()
        });
        // The sort is stable: each partition keeps its order.
        records.sort_by_key(|record| record.partition);
        records
    }

    /// Waits until so many records are committed, and returns them.
    pub fn wait_committed(&self, count: usize, limit: Duration) -> Vec<Record> {
        let mut records = Vec::new();
        let what = format!("{count} records in {}", self.name);
        wait_until(&what, limit, || {
            records = self.drain_committed();
            records.len() >= count
        });
        records
    }

    /// Sum of the ends of its partitions, with what open transactions have written.
    pub fn end(&self) -> i64 {
        self.sum_of_ends("read_uncommitted")
    }

    /// The same up to the first open transaction.
    pub fn stable_end(&self) -> i64 {
        self.sum_of_ends("read_committed")
    }

    fn sum_of_ends(&self, isolation: &str) -> i64 {
        let consumer: BaseConsumer = self
            .client()
            .set("isolation.level", isolation)
            .create()
            .expect("the settings are librdkafka's");
        let end = |partition| {
            let ends = consumer.fetch_watermarks(&self.name, partition, REQUEST);
            ends.expect("the broker answers").1
        };
        (0..self.count_partitions(&consumer)).map(end).sum()
    }

    fn count_partitions(&self, consumer: &BaseConsumer) -> i32 {
        let metadata = consumer.fetch_metadata(Some(&self.name), REQUEST);
        let metadata = metadata.expect("the broker answers");
        let topic = metadata
            .topics()
            .iter()
            .find(|topic| topic.name() == self.name);
        i32::try_from(topic.map_or(0, |topic| topic.partitions().len())).expect("a small number")
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap);
        client
    }
}

fn read(message: &impl Message) -> Record {
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    Record {
        partition: message.partition(),
        kafka_offset: message.offset(),
        timestamp_ms: match message.timestamp() {
            Timestamp::CreateTime(millis) => Some(millis),
            _ => None,
        },
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| {
                (
                    header.key.to_owned(),
                    header.value.unwrap_or_default().to_vec(),
                )
            })
            .collect(),
    }
}

/// The three topics of a service.
#[derive(Clone, Debug)]
pub struct Topics {
    /// What comes in.
    pub raw: Topic,
    /// What goes out.
    pub enriched: Topic,
    /// What is rejected.
    pub dead_letters: Topic,
}

impl Topics {
    /// Fresh topics with so many partitions each.
    pub fn fresh(broker: &Broker, partitions: i32) -> Self {
        Self {
            raw: Topic::fresh(broker, "raw", partitions, &[]),
            enriched: Topic::fresh(broker, "enriched", partitions, &[]),
            dead_letters: Topic::fresh(broker, "dlq", partitions, &[]),
        }
    }
}
