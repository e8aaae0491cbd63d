//! `copydesk tail`: enriched articles as they come out.

use std::time::{Duration, Instant};

use anyhow::Context;
use copydesk_proto::{Article, Format, decode};
use copydesk_worker::{read_headers, text_headers};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::Outcome;
use crate::cli::TailArgs;
use crate::config::Config;
use crate::kafka::{self, LogContext};
use crate::output::Output;

/// How often a wait looks at the clock.
const POLL: Duration = Duration::from_millis(200);

/// Shows articles until enough have come, or none has for too long.
pub(crate) fn run(args: &TailArgs, config: &Config) -> anyhow::Result<Outcome> {
    let topic = args.topic.as_deref().unwrap_or(&config.topics.enriched);
    let start = if args.new {
        Offset::End
    } else {
        Offset::Beginning
    };
    let consumer = assign(topic, start, config)?;
    let mut output = Output::new(args.format);
    let mut shown = 0;
    let mut outcome = Outcome::Complete;
    while args.max.is_none_or(|max| shown < max) {
        let Some(record) = next(&consumer, args.timeout_s.map(Duration::from_secs))? else {
            return Ok(missing(args.max, shown, outcome));
        };
        match article(&record) {
            Ok(article) => {
                shown += 1;
                if !output.write(&article)? || !output.flush()? {
                    break;
                }
            }
            Err(error) => {
                let (partition, kafka_offset) = (record.partition(), record.offset());
                eprintln!("copydesk: record {kafka_offset} of {topic}/{partition}: {error:#}");
                outcome = Outcome::Incomplete;
            }
        }
    }
    Ok(outcome)
}

fn missing(max: Option<u64>, shown: u64, outcome: Outcome) -> Outcome {
    let Some(max) = max else { return outcome };
    eprintln!("copydesk: {shown} of {max} articles came in time");
    Outcome::Incomplete
}

/// A consumer of every partition, without a group: nothing is committed and nobody is held up.
fn assign(topic: &str, start: Offset, config: &Config) -> anyhow::Result<BaseConsumer<LogContext>> {
    let consumer: BaseConsumer<_> = kafka::reader_config(config)
        .create_with_context(LogContext)
        .map_err(kafka::client_error)
        .context("set up the consumer")?;
    let mut assignment = TopicPartitionList::new();
    for partition in kafka::partitions(consumer.client(), topic, config)? {
        assignment
            .add_partition_offset(topic, partition, start)
            .context("choose where to begin")?;
    }
    consumer
        .assign(&assignment)
        .context("take the partitions")?;
    Ok(consumer)
}

/// Waits for the next record; `None` when none has come for `limit`.
fn next(
    consumer: &BaseConsumer<LogContext>,
    limit: Option<Duration>,
) -> anyhow::Result<Option<BorrowedMessage<'_>>> {
    let began = Instant::now();
    while limit.is_none_or(|limit| began.elapsed() < limit) {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(record)) => return Ok(Some(record)),
            Some(Err(error)) if kafka::passes(&error) => {
                kafka::log_error(&error, "reading goes on")
            }
            Some(Err(error)) => return Err(error).context("read the topic"),
        }
    }
    Ok(None)
}

fn article(record: &BorrowedMessage<'_>) -> anyhow::Result<Article> {
    // Headers that cannot be read are passed over, as those are that are not text.
    let (headers, _) = record.headers().map(read_headers).unwrap_or_default();
    let headers: Vec<_> = text_headers(&headers).collect();
    let media_type = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let format = match media_type {
        Some((_, media_type)) => media_type.parse()?,
        None => Format::default(),
    };
    Ok(decode(
        record.payload().unwrap_or_default(),
        format,
        headers,
    )?)
}
