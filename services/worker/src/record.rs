//! A record as it was read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use rdkafka::Message;
use rdkafka::message::Headers;

/// So many headers that cannot be read are tried.
const MAX_PANICS: usize = 8;

/// A header's name and value.
pub type Header = (String, Option<Vec<u8>>);

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
        let (headers, unreadable_headers) = message.headers().map(read_headers).unwrap_or_default();
        Self {
            topic: Arc::clone(topic),
            partition: message.partition(),
            kafka_offset: message.offset(),
            epoch,
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
            unreadable_headers,
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

    /// Memory that key, value and headers take. A header without name and value takes some, too.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self.header_bytes() + size_of_val(self.headers.as_slice());
        length(&self.key) + length(&self.value) + headers
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
        text_headers(&self.headers)
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

/// The headers, and how many more there are: those whose names are not UTF-8, and all after some of
/// these, since each costs a panic of rdkafka, which is caught here.
pub fn read_headers(all: &impl Headers) -> (Vec<Header>, usize) {
    let mut headers = Vec::new();
    let mut unreadable = 0;
    for index in 0..all.count() {
        match header(all, index) {
            Some(header) => headers.push(header),
            None => unreadable += 1,
        }
        if unreadable == MAX_PANICS {
            break;
        }
    }
    let left = all.count() - headers.len();
    (headers, left)
}

/// The headers that are text, by name.
pub fn text_headers(headers: &[Header]) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().filter_map(|(name, value)| {
        let value = std::str::from_utf8(value.as_deref()?).ok()?;
        Some((name.as_str(), value))
    })
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

/// Size of a key or a value, 0 where there is none.
pub(crate) fn length(bytes: &Option<Vec<u8>>) -> usize {
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

        assert_eq!(record.bytes(), 3 + 5 + 4 + 1 + 2 * size_of::<Header>());
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
