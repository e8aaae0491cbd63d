//! Workers that are wrong on purpose: what the checker must find.
//!
//! A worker in the plainest way that is right, which ends at the first error and is then started
//! again, and a deviation from it for each way in which the promise can be broken.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use copydesk_worker::Shutdown;
use fail::fail_point;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, Rebalance,
};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::article::{KIND, Kind, transformed};
use crate::orders::{Orders, SESSION, TRANSACTION};
use crate::violation::Breach;
use crate::worker::FENCED;

const TIMEOUT: Duration = Duration::from_secs(20);
const LINGER: Duration = Duration::from_millis(20);
const MAX_RECORDS: usize = 16;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Plant {
    /// None: what the checker must not find anything in.
    None,
    /// Commits the offset of the last record in place of the one after it.
    OffsetOffByOne,
    /// Commits an offset that it has not come to yet.
    OffsetTooFar,
    /// Commits the offsets, then produces.
    OffsetsFirst,
    /// Produces without a transaction, then commits the offsets.
    NoTransaction,
    /// Produces a batch of lost partitions under the next generation.
    KeepAfterRebalance,
    /// Goes on with the next batch after an abort.
    SkipAfterAbort,
    /// Passes over a record that it cannot read.
    DropPoison,
    /// Turns batches around.
    TurnAround,
    /// Writes what it reads.
    Unchanged,
    /// Takes good articles for bad ones.
    RejectGood,
    /// Never reads one of the partitions.
    Deaf,
    /// Commits an offset that it has left behind, then goes on.
    OffsetBack,
    /// None, but a reader that takes all records for committed ones.
    DirtyReader,
    /// Ends as if it were fenced, when it has worked for a while.
    CryFenced,
}

impl Plant {
    /// All, with what the checker is to find; that of `None` is nothing.
    pub(crate) const ALL: [(Self, Option<Breach>); 15] = [
        (Self::None, None),
        (Self::OffsetOffByOne, Some(Breach::Doubled)),
        (Self::OffsetTooFar, Some(Breach::Lost)),
        (Self::OffsetsFirst, Some(Breach::Lost)),
        (Self::NoTransaction, Some(Breach::Doubled)),
        (Self::KeepAfterRebalance, Some(Breach::Doubled)),
        (Self::SkipAfterAbort, Some(Breach::Lost)),
        (Self::DropPoison, Some(Breach::Lost)),
        (Self::TurnAround, Some(Breach::OutOfOrder)),
        (Self::Unchanged, Some(Breach::Altered)),
        (Self::RejectGood, Some(Breach::Misplaced)),
        (Self::Deaf, Some(Breach::Stuck)),
        (Self::OffsetBack, Some(Breach::Backwards)),
        (Self::DirtyReader, Some(Breach::Dirty)),
        (Self::CryFenced, Some(Breach::Fenced)),
    ];

    /// Whether it may never commit the end of a partition.
    pub(crate) fn stays_behind(self) -> bool {
        matches!(
            self,
            Self::OffsetOffByOne | Self::OffsetTooFar | Self::SkipAfterAbort | Self::Deaf
        )
    }
}

/// Works until asked to stop, or the first error.
pub(crate) fn run(plant: Plant, orders: &Orders, shutdown: &Shutdown) -> anyhow::Result<ExitCode> {
    let worker = Worker::start(plant, orders.clone())?;
    let mut turns = 0;
    while !shutdown.is_requested() {
        worker.turn()?;
        turns += 1;
        if plant == Plant::CryFenced && turns == 20 {
            return Ok(ExitCode::from(FENCED));
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Worker {
    plant: Plant,
    orders: Orders,
    consumer: BaseConsumer<Assigned>,
    // With a thread that serves delivery reports: an abort waits for them.
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Worker {
    fn start(plant: Plant, orders: Orders) -> anyhow::Result<Self> {
        let producer: ThreadedProducer<_> = producer(plant, &orders).create()?;
        if plant != Plant::NoTransaction {
            producer.init_transactions(TIMEOUT)?;
        }
        let consumer = consumer(plant, &orders).create_with_context(Assigned::default())?;
        let consumer: BaseConsumer<Assigned> = consumer;
        consumer.subscribe(&[&orders.input])?;
        Ok(Self {
            plant,
            orders,
            consumer,
            producer,
        })
    }

    /// One batch.
    fn turn(&self) -> anyhow::Result<()> {
        let Some((batch, mut proof)) = self.gather()? else {
            return Ok(());
        };
        if !Arc::ptr_eq(&proof, &self.proof()?) {
            if self.plant != Plant::KeepAfterRebalance {
                // Dropped: it is read again by whoever has the partition now.
                bail!("the group has rebalanced");
            }
            proof = self.proof()?;
        }
        if self.plant == Plant::OffsetsFirst {
            self.consumer
                .commit(&self.next(&batch)?, CommitMode::Sync)?;
            fail_point!("before-commit");
        }
        if self.plant == Plant::NoTransaction {
            return self.produce_plainly(&batch);
        }
        if self.plant == Plant::OffsetBack {
            let back = offsets(&self.orders.input, &batch[..1], -10)?;
            self.consumer.commit(&back, CommitMode::Sync)?;
        }
        self.produce_in_transaction(&batch, &proof)
    }

    fn produce_plainly(&self, batch: &[OwnedMessage]) -> anyhow::Result<()> {
        self.produce(batch)?;
        self.producer.flush(TIMEOUT)?;
        fail_point!("before-commit");
        Ok(self.consumer.commit(&self.next(batch)?, CommitMode::Sync)?)
    }

    fn produce_in_transaction(
        &self,
        batch: &[OwnedMessage],
        proof: &ConsumerGroupMetadata,
    ) -> anyhow::Result<()> {
        self.producer.begin_transaction()?;
        fail_point!("after-begin");
        self.produce(batch)?;
        fail_point!("before-send-offsets");
        if self.plant == Plant::SkipAfterAbort && batch[0].offset() % 20 == 0 {
            return Ok(self.producer.abort_transaction(TIMEOUT)?);
        }
        if self.plant == Plant::KeepAfterRebalance {
            self.linger_over_a_rebalance()?;
            let proof = self.proof()?;
            self.producer
                .send_offsets_to_transaction(&self.next(batch)?, &proof, TIMEOUT)?;
        } else if self.plant != Plant::OffsetsFirst {
            self.producer
                .send_offsets_to_transaction(&self.next(batch)?, proof, TIMEOUT)?;
        }
        fail_point!("before-commit");
        Ok(self.producer.commit_transaction(TIMEOUT)?)
    }

    /// A batch, with the proof that its partitions were ours when it was begun.
    fn gather(&self) -> anyhow::Result<Option<(Vec<OwnedMessage>, Arc<ConsumerGroupMetadata>)>> {
        let Some(first) = self.poll(5 * LINGER)? else {
            return Ok(None);
        };
        let proof = self.proof()?;
        let mut batch = vec![first];
        let end = Instant::now() + LINGER;
        while batch.len() < MAX_RECORDS && Instant::now() < end {
            batch.extend(self.poll(LINGER)?);
        }
        Ok(Some((batch, proof)))
    }

    fn poll(&self, timeout: Duration) -> anyhow::Result<Option<OwnedMessage>> {
        let polled = self.consumer.poll(timeout).transpose();
        let Some(message) = polled.context("cannot consume")? else {
            return Ok(None);
        };
        let is_heard = self.plant != Plant::Deaf || message.partition() != 0;
        Ok(is_heard.then(|| BorrowedMessage::detach(&message)))
    }

    /// Serves rebalances in the middle of a transaction.
    fn linger_over_a_rebalance(&self) -> anyhow::Result<()> {
        let assignment = self.consumer.assignment()?;
        self.consumer.pause(&assignment)?;
        let end = Instant::now() + 50 * LINGER;
        while Instant::now() < end || self.proof().is_err() {
            // A record of a new partition is left to the next one who reads it.
            self.consumer.poll(LINGER);
        }
        Ok(self.consumer.resume(&self.consumer.assignment()?)?)
    }

    fn proof(&self) -> anyhow::Result<Arc<ConsumerGroupMetadata>> {
        let proof = self.consumer.context().proof.lock();
        let proof = proof.unwrap_or_else(PoisonError::into_inner).clone();
        proof.context("no partitions are assigned")
    }

    fn next(&self, batch: &[OwnedMessage]) -> anyhow::Result<TopicPartitionList> {
        let ahead = match self.plant {
            Plant::OffsetOffByOne => 0,
            Plant::OffsetTooFar => 5,
            _ => 1,
        };
        offsets(&self.orders.input, batch, ahead)
    }

    fn produce(&self, batch: &[OwnedMessage]) -> anyhow::Result<()> {
        let mut batch: Vec<&OwnedMessage> = batch.iter().collect();
        if self.plant == Plant::TurnAround {
            batch.reverse();
        }
        for message in batch {
            self.produce_one(message)?;
        }
        Ok(())
    }

    fn produce_one(&self, message: &OwnedMessage) -> anyhow::Result<()> {
        let reason = message.headers().context("articles have headers")?;
        let reason = reason.iter().find(|header| header.key == KIND);
        let reason = reason.and_then(|header| header.value).unwrap_or_default();
        let reason = std::str::from_utf8(reason)?;
        if self.plant == Plant::DropPoison && reason == Kind::BadJson.reason() {
            return Ok(());
        }
        let is_rejected = self.plant == Plant::RejectGood && message.offset() % 50 == 0;
        let value = match reason.is_empty() && !is_rejected {
            true => self.enriched(message)?,
            false => message.payload().unwrap_or_default().to_vec(),
        };
        let (topic, headers) = match reason.is_empty() && !is_rejected {
            true => (&self.orders.output, own(message)),
            false => (&self.orders.dead_letters, rejected(message, reason)),
        };
        let record = BaseRecord::to(topic).payload(&value).headers(headers);
        let record = record.key(message.key().context("articles have keys")?);
        self.producer.send(record).map_err(|(error, _)| error)?;
        Ok(())
    }

    fn enriched(&self, message: &OwnedMessage) -> anyhow::Result<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(message.payload().unwrap_or_default())?;
        if self.plant != Plant::Unchanged {
            value["text"] = transformed(value["text"].as_str().unwrap_or_default()).into();
        }
        let input = json!({"partition": message.partition(), "offset": message.offset()});
        value["provenance"] = json!({ "input": input });
        Ok(value.to_string().into_bytes())
    }
}

/// The offsets so far ahead of the last record of each partition.
fn offsets(input: &str, batch: &[OwnedMessage], ahead: i64) -> anyhow::Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for message in batch {
        let next = Offset::Offset((message.offset() + ahead).max(0));
        match list.find_partition(input, message.partition()) {
            Some(mut element) => element.set_offset(next)?,
            None => list.add_partition_offset(input, message.partition(), next)?,
        }
    }
    Ok(list)
}

fn own(message: &OwnedMessage) -> OwnedHeaders {
    message.headers().cloned().unwrap_or_else(OwnedHeaders::new)
}

fn rejected(message: &OwnedMessage, reason: &str) -> OwnedHeaders {
    let (partition, offset) = (
        message.partition().to_string(),
        message.offset().to_string(),
    );
    let errors = [
        ("__connect.errors.partition", partition.as_str()),
        ("__connect.errors.offset", offset.as_str()),
        ("__connect.errors.class.name", reason),
    ];
    errors
        .into_iter()
        .fold(own(message), |headers, (key, value)| {
            let value = Some(value);
            headers.insert(Header { key, value })
        })
}

fn producer(plant: Plant, orders: &Orders) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &orders.brokers);
    client.set("enable.idempotence", "true");
    client.set("partitioner", "murmur2_random");
    client.set("linger.ms", "1");
    if plant != Plant::NoTransaction {
        client.set("transactional.id", orders.transactional_id());
        client.set(
            "transaction.timeout.ms",
            TRANSACTION.as_millis().to_string(),
        );
    }
    client
}

fn consumer(plant: Plant, orders: &Orders) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &orders.brokers);
    client.set("group.id", &orders.group);
    client.set("isolation.level", "read_committed");
    client.set("enable.auto.commit", "false");
    let reset = match plant {
        // An offset that is past the end is none: to begin anew would bring back what was lost.
        Plant::OffsetTooFar => "latest",
        _ => "earliest",
    };
    client.set("auto.offset.reset", reset);
    client.set("session.timeout.ms", SESSION.as_millis().to_string());
    client.set(
        "heartbeat.interval.ms",
        (SESSION / 4).as_millis().to_string(),
    );
    client.set(
        "max.poll.interval.ms",
        (2 * TIMEOUT).as_millis().to_string(),
    );
    client
}

/// Keeps the proof of the assignment that is valid now.
#[derive(Default)]
struct Assigned {
    proof: Mutex<Option<Arc<ConsumerGroupMetadata>>>,
}

impl ConsumerContext for Assigned {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let mut proof = self.proof.lock().unwrap_or_else(PoisonError::into_inner);
        *proof = match rebalance {
            Rebalance::Assign(_) => consumer.group_metadata().map(Arc::new),
            _ => None,
        };
    }
}

impl ClientContext for Assigned {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}
