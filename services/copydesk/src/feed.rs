//! `copydesk feed`: articles from files to a topic.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use copydesk_proto::{Format, encode};
use indicatif::{ProgressBar, ProgressStyle};
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::Outcome;
use crate::cli::FeedArgs;
use crate::config::Config;
use crate::input::{self, Kind, Layout, Options, Raw};
use crate::kafka;

/// Feeds all inputs, in order.
pub(crate) fn run(args: &FeedArgs, config: &Config) -> anyhow::Result<Outcome> {
    let topic = args.topic.as_deref().unwrap_or(&config.topics.raw);
    let mut feeder = Feeder::connect(topic, config)?;
    let pace = Pace::new(args.rate);
    let options = Options {
        jsonl: false,
        stdin: Layout::Lines,
    };
    for raw in input::read(args.paths.clone(), options) {
        pace.wait_for(feeder.sent, &feeder.producer);
        match raw.and_then(|raw| Outgoing::new(raw, args.raw)) {
            Ok(outgoing) => feeder.send(outgoing),
            Err(error) => feeder.leave_out(&error),
        }
    }
    feeder.finish()
}

/// Where an article was read.
#[derive(Clone)]
struct Origin(String);

/// An article on its way.
struct Outgoing {
    origin: Origin,
    key: String,
    value: Vec<u8>,
    format: Format,
}

impl Outgoing {
    fn new(raw: Raw, unchecked: bool) -> anyhow::Result<Self> {
        let article = match raw.decode() {
            Err(_) if unchecked && raw.kind != Kind::Html => Default::default(),
            article => article.with_context(|| format!("{} is no article", raw.origin))?,
        };
        let key = if article.id.is_empty() {
            &article.url
        } else {
            &article.id
        };
        let key = key.clone();
        let (value, format) = match raw.kind {
            Kind::Text => (raw.value, Format::Text),
            Kind::Json => (raw.value, Format::Json),
            Kind::Html => (encode(&article, Format::Json), Format::Json),
        };
        Ok(Self {
            origin: Origin(raw.origin),
            key,
            value,
            format,
        })
    }

    fn record<'a>(&'a self, topic: &'a str) -> BaseRecord<'a, str, [u8], Box<Origin>> {
        let media_type = Header {
            key: "content-type",
            value: Some(self.format.media_type()),
        };
        let origin = Box::new(self.origin.clone());
        let record = BaseRecord::with_opaque_to(topic, origin)
            .payload(self.value.as_slice())
            .headers(OwnedHeaders::new().insert(media_type));
        match self.key.as_str() {
            "" => record,
            key => record.key(key),
        }
    }
}

/// Counts what the broker has taken, and names what it has not.
struct Deliveries {
    progress: ProgressBar,
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Deliveries {
    fn fail(&self, reason: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.progress.suspend(|| eprintln!("copydesk: {reason}"));
    }
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        kafka::log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Origin>;

    fn delivery(&self, delivery: &DeliveryResult<'_>, origin: Box<Origin>) {
        match delivery {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
                self.progress.inc(1);
            }
            Err((error, _)) => self.fail(&format!("{} was not delivered: {error}", origin.0)),
        }
    }
}

struct Feeder<'a> {
    producer: BaseProducer<Deliveries>,
    topic: &'a str,
    sent: u64,
    timeout: Duration,
}

impl<'a> Feeder<'a> {
    fn connect(topic: &'a str, config: &Config) -> anyhow::Result<Self> {
        let deliveries = Deliveries {
            progress: progress_bar(),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        let producer: BaseProducer<_> = kafka::producer_config(config)
            .create_with_context(deliveries)
            .map_err(kafka::client_error)
            .context("set up the producer")?;
        kafka::partitions(producer.client(), topic, config)?;
        Ok(Self {
            producer,
            topic,
            sent: 0,
            timeout: kafka::timeout(config),
        })
    }

    fn send(&mut self, outgoing: Outgoing) {
        let mut record = outgoing.record(self.topic);
        while let Err((error, refused)) = self.producer.send(record) {
            let reason = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => {
                    self.producer.poll(Duration::from_millis(100));
                    record = refused;
                    continue;
                }
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                    "it is larger than kafka.max_record_bytes".to_owned()
                }
                _ => error.to_string(),
            };
            let origin = outgoing.origin.0;
            return self
                .deliveries()
                .fail(&format!("{origin} cannot be sent: {reason}"));
        }
        self.sent += 1;
        self.producer.poll(Duration::ZERO);
    }

    fn leave_out(&self, error: &anyhow::Error) {
        self.deliveries().fail(&format!("{error:#}"));
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer.context()
    }

    fn finish(self) -> anyhow::Result<Outcome> {
        // Each record is delivered or has failed when its own time is up, which is sooner.
        self.producer
            .flush(self.timeout * 2)
            .context("wait for the broker to take the last articles")?;
        let deliveries = self.deliveries();
        deliveries.progress.finish_and_clear();
        let delivered = deliveries.delivered.load(Ordering::Relaxed);
        let failed = deliveries.failed.load(Ordering::Relaxed);
        eprintln!("fed {delivered} articles to {}", self.topic);
        if failed > 0 {
            eprintln!("copydesk: {failed} not fed, for the reasons above");
            return Ok(Outcome::Incomplete);
        }
        Ok(Outcome::Complete)
    }
}

/// Shows nothing where standard error is no terminal.
fn progress_bar() -> ProgressBar {
    let style = "{spinner} {pos} articles fed, {per_sec}, {elapsed}";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    ProgressBar::new_spinner().with_style(style)
}

/// Spreads the articles over time.
struct Pace {
    started: Instant,
    interval: Option<Duration>,
}

impl Pace {
    fn new(rate: Option<f64>) -> Self {
        Self {
            started: Instant::now(),
            interval: rate.map(|rate| Duration::from_secs_f64(1.0 / rate)),
        }
    }

    /// Waits until the article after `sent` others is due, and serves the producer meanwhile.
    fn wait_for(&self, sent: u64, producer: &BaseProducer<Deliveries>) {
        let Some(interval) = self.interval else {
            return;
        };
        let due = self.started + interval.mul_f64(sent as f64);
        while let Some(remaining) = due.checked_duration_since(Instant::now()) {
            producer.poll(remaining);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(value: &str, kind: Kind) -> Raw {
        Raw {
            origin: "a.jsonl:1".into(),
            value: value.into(),
            kind,
        }
    }

    #[test]
    fn json_goes_out_to_the_letter() {
        let value = r#"{"text":"Zoë 👩‍🚀 in Zürich",  "url":"u"}"#;

        let outgoing = Outgoing::new(raw(value, Kind::Json), false).unwrap();

        assert_eq!(outgoing.value, value.as_bytes());
        assert_eq!(outgoing.key, "u");
    }

    #[test]
    fn page_goes_out_as_json() {
        let outgoing = Outgoing::new(raw("<p>Zoë</p>", Kind::Html), false).unwrap();

        let article = copydesk_proto::decode(&outgoing.value, outgoing.format, []).unwrap();
        assert_eq!(article.html, "<p>Zoë</p>");
    }

    #[test]
    fn what_is_no_article_is_left_out_unless_raw() {
        let broken = || raw("{", Kind::Json);

        let reason = Outgoing::new(broken(), false).err().unwrap();
        let sent = Outgoing::new(broken(), true).unwrap();

        assert!(reason.to_string().contains("a.jsonl:1"), "{reason}");
        assert_eq!(sent.value, b"{");
    }
}
