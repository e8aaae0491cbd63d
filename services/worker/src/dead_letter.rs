//! Dead letters: a rejected record as it came, with headers that say where from and why.
//!
//! The headers are those of Kafka Connect, so that tools which know them work here too. Connect's
//! `exception.stacktrace` is left out: the message names the causes, and there is no more to tell.

use crate::config::Config;
use crate::record::{Header, Record, length};

pub(crate) const TOPIC: &str = "__connect.errors.topic";
pub(crate) const PARTITION: &str = "__connect.errors.partition";
pub(crate) const OFFSET: &str = "__connect.errors.offset";
/// The service.
const CONNECTOR: &str = "__connect.errors.connector.name";
/// The worker's instance.
const TASK: &str = "__connect.errors.task.id";
/// Step that rejected the record: `decode`, a stage's name, or `produce`.
pub(crate) const STAGE: &str = "__connect.errors.stage";
/// The reason as a word. Connect has the names of two classes, that of the step and that of the
/// exception; the reason stands for both, so that a filter by either works.
pub(crate) const REASON: &str = "__connect.errors.class.name";
const EXCEPTION: &str = "__connect.errors.exception.class.name";
pub(crate) const DETAIL: &str = "__connect.errors.exception.message";
/// Not Connect's: the sizes of what was left out, being too large for the topic.
pub(crate) const VALUE_OMITTED: &str = "__connect.errors.value.omitted.bytes";
pub(crate) const HEADERS_OMITTED: &str = "__connect.errors.headers.omitted.bytes";
pub(crate) const KEY_OMITTED: &str = "__connect.errors.key.omitted.bytes";
/// Not Connect's: the record's own time, where the topic does not take it as the letter's.
pub(crate) const TIME_OMITTED: &str = "__connect.errors.timestamp.omitted.ms";
/// Every header that a dead letter has and the record in it has not.
const ALL: [&str; 13] = [
    TOPIC,
    PARTITION,
    OFFSET,
    CONNECTOR,
    TASK,
    STAGE,
    REASON,
    EXCEPTION,
    DETAIL,
    VALUE_OMITTED,
    HEADERS_OMITTED,
    KEY_OMITTED,
    TIME_OMITTED,
];

/// Whether a header is one that dead letters have, as they are read: in any case.
pub(crate) fn is_ours(name: &str) -> bool {
    ALL.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

/// A broker refuses a record whose headers are larger than it allows, and a stage may quote a page.
const MAX_DETAIL_BYTES: usize = 4096;

/// Why a record is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Step that rejected it: `decode`, a stage's name, or `produce`.
    pub stage: &'static str,
    /// The reason as a word from a closed set, for metrics and filters.
    pub reason: &'static str,
    /// The reason in full, for people: names the field, the limit, the cause.
    pub detail: String,
}

impl Reject {
    /// A rejection by `stage`.
    pub fn new(stage: &'static str, reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            stage,
            reason,
            detail: detail.into(),
        }
    }
}

/// What is wrong with a record that a broker or the producer refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is larger than the topic or the producer allows.
    TooLarge,
    /// The topic does not take it as it is: its time, most often.
    Invalid,
}

impl Fault {
    /// The step at which the broker is met.
    pub(crate) const STAGE: &str = "produce";
    /// All faults.
    pub(crate) const ALL: [Self; 2] = [Self::TooLarge, Self::Invalid];

    /// The fault as a reject's reason.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "record_too_large",
            Self::Invalid => "record_refused",
        }
    }
}

/// What a dead letter goes without, having been refused with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Omitted {
    pub(crate) timestamp: bool,
    pub(crate) value: bool,
    /// The record's own; those that say where from and why always stay.
    pub(crate) headers: bool,
    pub(crate) key: bool,
}

impl Omitted {
    /// Leaves out the next that the fault may lie in, what is largest first; whether there was one.
    pub(crate) fn leave_out(&mut self, fault: Fault, record: &Record) -> bool {
        let next = match fault {
            Fault::Invalid => Some(&mut self.timestamp).filter(|omitted| !**omitted),
            Fault::TooLarge => [
                (&mut self.key, length(&record.key)),
                (&mut self.headers, record.header_bytes()),
                (&mut self.value, length(&record.value)),
            ]
            .into_iter()
            .filter(|(omitted, _)| !**omitted)
            .max_by_key(|(_, bytes)| *bytes)
            .map(|(omitted, _)| omitted),
        };
        next.map(|omitted| *omitted = true).is_some()
    }
}

/// Headers of a dead letter: the record's own, then origin and reason.
pub(crate) fn headers(
    config: &Config,
    record: &Record,
    reject: &Reject,
    omitted: Omitted,
) -> Vec<Header> {
    // A dead letter that was sent back and rejected again keeps the newer reason alone.
    let own = record
        .headers
        .iter()
        .filter(|(name, _)| !omitted.headers && !is_ours(name));
    let mut headers: Vec<Header> = own.cloned().collect();
    let mut add = |name: &str, value: &str| {
        headers.push((name.to_owned(), Some(value.as_bytes().to_vec())));
    };
    add(TOPIC, &record.topic);
    add(PARTITION, &record.partition.to_string());
    add(OFFSET, &record.kafka_offset.to_string());
    add(CONNECTOR, &config.service);
    add(TASK, &config.kafka.instance);
    add(STAGE, reject.stage);
    add(REASON, reject.reason);
    add(EXCEPTION, reject.reason);
    add(DETAIL, shortened(&reject.detail));
    for (is_omitted, name, bytes) in [
        (omitted.value, VALUE_OMITTED, length(&record.value)),
        (omitted.headers, HEADERS_OMITTED, record.header_bytes()),
        (omitted.key, KEY_OMITTED, length(&record.key)),
    ] {
        if is_omitted {
            add(name, &bytes.to_string());
        }
    }
    if let Some(timestamp_ms) = record.timestamp_ms.filter(|_| omitted.timestamp) {
        add(TIME_OMITTED, &timestamp_ms.to_string());
    }
    headers
}

fn shortened(detail: &str) -> &str {
    let end = (0..=MAX_DETAIL_BYTES)
        .rev()
        .find(|&end| detail.is_char_boundary(end));
    end.and_then(|end| detail.get(..end)).unwrap_or(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(headers: &[Header], name: &str) -> Vec<String> {
        let named = headers.iter().filter(|(other, _)| other == name);
        named
            .map(|(_, value)| String::from_utf8(value.clone().unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn origin_and_reason_follow_the_own_headers() {
        let record = Record {
            headers: vec![
                ("trace".to_owned(), None),
                (REASON.to_owned(), Some(b"old".to_vec())),
            ],
            ..Record::sample(b"body")
        };

        let reject = Reject::new("decode", "bad_json", "why");
        let headers = headers(&Config::sample(), &record, &reject, Omitted::default());

        assert_eq!(headers[0], ("trace".to_owned(), None));
        assert_eq!(text(&headers, TOPIC), ["articles.raw"]);
        assert_eq!(text(&headers, PARTITION), ["3"]);
        assert_eq!(text(&headers, OFFSET), ["42"]);
        assert_eq!(text(&headers, CONNECTOR), ["enrich"]);
        assert_eq!(text(&headers, TASK), ["0"]);
        assert_eq!(text(&headers, STAGE), ["decode"]);
        assert_eq!(text(&headers, REASON), ["bad_json"]);
        assert_eq!(text(&headers, EXCEPTION), ["bad_json"]);
        assert_eq!(text(&headers, DETAIL), ["why"]);
        assert!(text(&headers, VALUE_OMITTED).is_empty());
    }

    #[test]
    fn what_is_omitted_leaves_its_size() {
        let reject = Reject::new("produce", "record_too_large", "why");
        let record = Record {
            key: Some(b"key".to_vec()),
            headers: vec![("trace".to_owned(), Some(b"12".to_vec()))],
            ..Record::sample(b"body")
        };
        let omitted = Omitted {
            timestamp: true,
            value: true,
            headers: true,
            key: true,
        };

        let headers = headers(&Config::sample(), &record, &reject, omitted);

        assert!(text(&headers, "trace").is_empty());
        assert_eq!(text(&headers, VALUE_OMITTED), ["4"]);
        assert_eq!(text(&headers, HEADERS_OMITTED), ["7"]);
        assert_eq!(text(&headers, KEY_OMITTED), ["3"]);
        assert_eq!(text(&headers, REASON), ["record_too_large"]);
    }

    #[test]
    fn refused_time_goes_alone() {
        let mut omitted = Omitted::default();

        assert!(omitted.leave_out(Fault::Invalid, &Record::sample(b"body")));

        let timestamp = Omitted {
            timestamp: true,
            ..Omitted::default()
        };
        assert_eq!(omitted, timestamp);
        assert!(!omitted.leave_out(Fault::Invalid, &Record::sample(b"body")));
    }

    #[test]
    fn size_goes_by_what_is_largest() {
        let record = Record {
            key: Some(b"key".to_vec()),
            headers: vec![("trace".to_owned(), Some(vec![b'x'; 1000]))],
            ..Record::sample(b"body")
        };
        let mut omitted = Omitted::default();
        let mut left_out = Vec::new();

        while omitted.leave_out(Fault::TooLarge, &record) {
            left_out.push((omitted.headers, omitted.value, omitted.key));
        }

        let expected = [
            (true, false, false),
            (true, true, false),
            (true, true, true),
        ];
        assert_eq!(left_out, expected);
        assert!(!omitted.timestamp);
    }

    #[test]
    fn long_detail_is_cut_between_characters() {
        let detail = "Zoë 👩‍🚀 in Zürich ".repeat(1000);

        let cut = shortened(&detail);

        assert!(detail.starts_with(cut));
        assert!((MAX_DETAIL_BYTES - 4..=MAX_DETAIL_BYTES).contains(&cut.len()));
        assert_eq!(shortened("Zoë"), "Zoë");
    }
}
