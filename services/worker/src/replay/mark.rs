//! Marks: records among the dead letters that say which of them were sent back.

use std::sync::Arc;

use super::offsets::Offsets;
use crate::dead_letter::TOPIC;
use crate::outbox::Resent;
use crate::record::{Header, Record};

/// The header that makes a record a mark; its value is the group that has sent the letters back.
pub(super) const GROUP: &str = "copydesk.replay.group";

/// Offsets of the dead letters that a group has sent back, in the partition that the mark lies in.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) group: String,
    pub(crate) sent: Offsets,
}

impl Mark {
    /// The mark in a record, if it is one. One that cannot be read marks nothing.
    pub(crate) fn read(record: &Record) -> Option<Self> {
        // A dead letter keeps the headers of its record, and those may be anything.
        if record.header(TOPIC).is_some() {
            return None;
        }
        let group = record.header(GROUP)?.to_owned();
        let value = record.value.as_deref().unwrap_or_default();
        let text = std::str::from_utf8(value).unwrap_or_default();
        let sent = text.parse().unwrap_or_default();
        Some(Self { group, sent })
    }

    /// The record that is this mark.
    pub(super) fn record(&self, topic: &Arc<str>, partition: i32) -> Resent {
        let header: Header = (GROUP.to_owned(), Some(self.group.clone().into_bytes()));
        Resent {
            topic: Arc::clone(topic),
            partition: Some(partition),
            timestamp_ms: None,
            key: None,
            value: Some(self.sent.to_string().into_bytes()),
            headers: vec![header],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(mark: &Mark) -> Record {
        let Resent { value, headers, .. } = mark.record(&"articles.dlq".into(), 3);
        Record {
            headers,
            ..Record::sample(&value.unwrap())
        }
    }

    #[test]
    fn mark_comes_back_as_it_was_written() {
        let mark = Mark {
            group: "copydesk.replay".to_owned(),
            sent: "3-7 9".parse().unwrap(),
        };

        let read = Mark::read(&record(&mark)).unwrap();

        assert_eq!((read.group, read.sent), (mark.group, mark.sent));
    }

    #[test]
    fn other_records_are_no_marks() {
        assert!(Mark::read(&Record::sample(b"3-7")).is_none());
    }

    #[test]
    fn dead_letter_that_looks_like_a_mark_is_none() {
        let mark = Mark {
            group: "copydesk.replay".to_owned(),
            sent: "0-9".parse().unwrap(),
        };
        let mut letter = record(&mark);

        letter
            .headers
            .push((TOPIC.to_owned(), Some(b"articles.raw".to_vec())));

        assert!(Mark::read(&letter).is_none());
    }

    #[test]
    fn damaged_mark_marks_nothing() {
        let mark = Mark {
            group: "g".to_owned(),
            sent: Offsets::default(),
        };

        for value in [&b"\xff"[..], b"all", b""] {
            let damaged = Record {
                value: Some(value.to_vec()),
                ..record(&mark)
            };
            assert_eq!(Mark::read(&damaged).unwrap().sent, Offsets::default());
        }
    }
}
