//! A record as it was read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use rdkafka::Message;
use rdkafka::message::Headers;

/// A header's name and value.
pub(crate) type Header = (String, Option<Vec<u8>>);

/// A record as it was read, owned.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) kafka_offset: i64,
    /// Which of the times that the partition was assigned to this worker; see `ownership`.
    pub(crate) epoch: u64,
    /// Milliseconds since 1970, where the record has a time.
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Header>,
    /// How many more headers it has, which cannot be read.
    pub(crate) unreadable_headers: usize,
}

impl Record {
    /// Copies a record out of the consumer's memory.
    pub(crate) fn read(message: &impl Message, topic: &Arc<str>, epoch: u64) -> Self {
        let all = message.headers();
        let count = all.map_or(0, Headers::count);
        let headers: Vec<Header> = all
            .into_iter()
            .flat_map(|all| (0..count).filter_map(|i| header(all, i)))
            .collect();
        Self {
            topic: Arc::clone(topic),
            partition: message.partition(),
            kafka_offset: message.offset(),
            epoch,
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            unreadable_headers: count - headers.len(),
            headers,
        }
    }

    /// Where the record stands: topic, partition and offset.
    pub(crate) fn place(&self) -> String {
        let Self {
            topic,
            partition,
            kafka_offset,
            ..
        } = self;
        format!("{topic}/{partition}/{kafka_offset}")
    }

    /// Size of key, value and headers.
    pub(crate) fn bytes(&self) -> usize {
        length(&self.key) + length(&self.value) + self.header_bytes()
    }

    /// Size of the headers' names and values.
    pub(crate) fn header_bytes(&self) -> usize {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| name.len() + length(value))
            .sum()
    }

    /// The last header of this name, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |(other, _): &&Header| other.eq_ignore_ascii_case(name);
        let (_, value) = self.headers.iter().rev().find(named)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }

    /// The headers that are text, by name.
    pub(crate) fn text_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| {
            let value = std::str::from_utf8(value.as_deref()?).ok()?;
            Some((name.as_str(), value))
        })
    }

    /// A record for tests: `articles.raw/3/42`.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn sample(value: &[u8]) -> Self {
        Self {
            topic: "articles.raw".into(),
            partition: 3,
            kafka_offset: 42,
            epoch: 0,
            timestamp_ms: Some(1_700_000_000_000),
            key: None,
            value: Some(value.to_vec()),
            headers: Vec::new(),
            unreadable_headers: 0,
        }
    }
}

/// A header, unless it cannot be read: rdkafka panics at a name that is not UTF-8.
fn header(all: &impl Headers, index: usize) -> Option<Header> {
    let read = || {
        let header = all.get(index);
        (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
    };
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn length(bytes: &Option<Vec<u8>>) -> usize {
    bytes.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_key_value_and_headers() {
        let record = Record {
            key: Some(b"key".to_vec()),
            headers: vec![
                ("ab".to_owned(), Some(b"cd".to_vec())),
                ("e".to_owned(), None),
            ],
            ..Record::sample(b"value")
        };

        assert_eq!(record.bytes(), 3 + 5 + 4 + 1);
    }

    #[test]
    fn header_is_the_last_of_its_name_in_any_case() {
        let header = |name: &str, value: &[u8]| (name.to_owned(), Some(value.to_vec()));
        let record = Record {
            headers: vec![header("Title", b"a"), header("title", "Zoë".as_bytes())],
            ..Record::sample(b"")
        };

        assert_eq!(record.header("TITLE"), Some("Zoë"));
        assert_eq!(record.header("id"), None);
    }
}
