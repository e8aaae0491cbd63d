//! A dead letter as it is read, and the record in it as it came.

use std::sync::Arc;

use crate::dead_letter::{
    DETAIL, HEADERS_OMITTED, KEY_OMITTED, OFFSET, PARTITION, REASON, STAGE, TIME_OMITTED, TOPIC,
    VALUE_OMITTED, is_ours,
};
use crate::outbox::Resent;
use crate::record::{Header, Record};

/// Says how often the record in a dead letter was sent back.
pub(crate) const REPLAYS: &str = "copydesk.replays";

/// A dead letter.
#[derive(Debug)]
pub struct DeadLetter(pub(crate) Record);

impl DeadLetter {
    /// Partition of the dead-letter topic that it lies in.
    pub fn partition(&self) -> i32 {
        self.0.partition
    }

    /// Its offset there.
    pub fn kafka_offset(&self) -> i64 {
        self.0.kafka_offset
    }

    /// The record's time, in milliseconds since 1970, which its dead letter keeps.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.number(TIME_OMITTED).or(self.0.timestamp_ms)
    }

    /// The topic that the record came from; `None` where this is no dead letter of ours.
    pub fn origin_topic(&self) -> Option<&str> {
        self.0.header(TOPIC)
    }

    /// The partition that the record came from.
    pub fn origin_partition(&self) -> Option<i32> {
        self.number(PARTITION)
    }

    /// The record's offset there.
    pub fn origin_offset(&self) -> Option<i64> {
        self.number(OFFSET)
    }

    /// The step that rejected it: `decode`, a stage's name, or `produce`.
    pub fn stage(&self) -> &str {
        self.0.header(STAGE).unwrap_or_default()
    }

    /// The reason as a word.
    pub fn reason(&self) -> &str {
        self.0.header(REASON).unwrap_or_default()
    }

    /// The reason in full.
    pub fn detail(&self) -> &str {
        self.0.header(DETAIL).unwrap_or_default()
    }

    /// How often the record was sent back before.
    pub fn replays(&self) -> u32 {
        self.number(REPLAYS).unwrap_or_default()
    }

    /// Size of key, value and headers.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// What of the record is not in it, having been too large for the topic.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let parts = [
            (VALUE_OMITTED, "value"),
            (HEADERS_OMITTED, "headers"),
            (KEY_OMITTED, "key"),
        ];
        let mut missing = parts
            .iter()
            .filter(|(name, _)| self.0.header(name).is_some());
        missing.next().map(|(_, part)| *part)
    }

    /// The record as it came, on its way back to `topic`; with one more replay in its headers.
    pub(crate) fn restored(&self, topic: Arc<str>, partitions: usize) -> Resent {
        let replays = self.replays().saturating_add(1);
        let exists = |partition: &i32| usize::try_from(*partition).is_ok_and(|i| i < partitions);
        let partition = self.origin_partition().filter(exists);
        let Self(record) = self;
        let is_own = |name: &str| !REPLAYS.eq_ignore_ascii_case(name) && !is_ours(name);
        let own = record.headers.iter().filter(|(name, _)| is_own(name));
        let mut headers: Vec<Header> = own.cloned().collect();
        headers.push((REPLAYS.to_owned(), Some(replays.to_string().into_bytes())));
        Resent {
            topic,
            partition,
            timestamp_ms: self.timestamp_ms(),
            key: record.key.clone(),
            value: record.value.clone(),
            headers,
        }
    }

    fn number<T: std::str::FromStr>(&self, header: &str) -> Option<T> {
        self.0.header(header)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::dead_letter::{self, Omitted, Reject};

    fn header(name: &str, value: &[u8]) -> Header {
        (name.to_owned(), Some(value.to_vec()))
    }

    fn letter(record: &Record) -> DeadLetter {
        letter_without(Omitted::default(), record)
    }

    fn letter_without(omitted: Omitted, record: &Record) -> DeadLetter {
        let reject = Reject::new("decode", "bad_json", "Zoë 👩‍🚀 in Zürich");
        DeadLetter(Record {
            topic: "articles.dlq".into(),
            headers: dead_letter::headers(&Config::sample(), record, &reject, omitted),
            ..record.clone()
        })
    }

    #[test]
    fn what_a_worker_writes_is_read() {
        let letter = letter(&Record::sample(b"body"));

        assert_eq!(letter.origin_topic(), Some("articles.raw"));
        assert_eq!(letter.origin_partition(), Some(3));
        assert_eq!(letter.origin_offset(), Some(42));
        assert_eq!((letter.stage(), letter.reason()), ("decode", "bad_json"));
        assert_eq!(letter.detail(), "Zoë 👩‍🚀 in Zürich");
        assert_eq!((letter.replays(), letter.missing()), (0, None));
    }

    #[test]
    fn what_a_letter_goes_without_is_told() {
        let missing = |omitted| letter_without(omitted, &Record::sample(b"body")).missing();

        let key = Omitted {
            key: true,
            ..Omitted::default()
        };
        let headers = Omitted {
            headers: true,
            ..key
        };

        assert_eq!(missing(key), Some("key"));
        assert_eq!(missing(headers), Some("headers"));
    }

    #[test]
    fn time_that_the_topic_refused_is_the_records_again() {
        let record = Record {
            timestamp_ms: Some(1_000),
            ..Record::sample(b"body")
        };
        let omitted = Omitted {
            timestamp: true,
            ..Omitted::default()
        };
        let mut letter = letter_without(omitted, &record);
        letter.0.timestamp_ms = Some(2_000_000);

        let restored = letter.restored("articles.raw".into(), 4);

        assert_eq!(letter.timestamp_ms(), Some(1_000));
        assert_eq!(restored.timestamp_ms, Some(1_000));
        assert_eq!(restored.headers, [header(REPLAYS, b"1")]);
    }

    #[test]
    fn record_is_restored_with_its_own_headers_and_one_more() {
        let record = Record {
            key: Some(b"\xff".to_vec()),
            headers: vec![header("trace", b"\xfe"), ("empty".to_owned(), None)],
            ..Record::sample(b"body")
        };

        let restored = letter(&record).restored("articles.raw".into(), 4);

        assert_eq!(restored.partition, Some(3));
        assert_eq!(restored.timestamp_ms, record.timestamp_ms);
        assert_eq!(
            (&restored.key, &restored.value),
            (&record.key, &record.value)
        );
        assert_eq!(restored.headers[..2], record.headers);
        assert_eq!(restored.headers[2..], [header(REPLAYS, b"1")]);
    }

    #[test]
    fn replays_are_counted() {
        let record = Record {
            headers: vec![header(REPLAYS, b"1")],
            ..Record::sample(b"body")
        };

        let restored = letter(&record).restored("articles.raw".into(), 4);

        assert_eq!(restored.headers, [header(REPLAYS, b"2")]);
    }

    #[test]
    fn partition_that_is_gone_is_left_to_the_key() {
        let letter = letter(&Record::sample(b"body"));

        assert_eq!(letter.restored("articles.raw".into(), 3).partition, None);
    }
}
