//! Dead letters: a rejected record as it came, with headers that say where from and why.
//!
//! The headers are those of Kafka Connect, so that tools which know them work here too.

use crate::record::{Header, Record};

pub(crate) const TOPIC: &str = "__connect.errors.topic";
pub(crate) const PARTITION: &str = "__connect.errors.partition";
pub(crate) const OFFSET: &str = "__connect.errors.offset";
/// Step that rejected the record: `decode`, a stage's name, or `produce`.
pub(crate) const STAGE: &str = "__connect.errors.stage";
/// The reason as a word; Connect has the name of an exception class here.
pub(crate) const REASON: &str = "__connect.errors.class.name";
pub(crate) const DETAIL: &str = "__connect.errors.exception.message";
/// Not Connect's: the size of a value that was left out, being too large for the topic.
pub(crate) const VALUE_OMITTED: &str = "__connect.errors.value.omitted.bytes";
/// Every header that a dead letter has and the record in it has not.
pub(crate) const ALL: [&str; 7] = [
    TOPIC,
    PARTITION,
    OFFSET,
    STAGE,
    REASON,
    DETAIL,
    VALUE_OMITTED,
];

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

/// Headers of a dead letter: the record's own, then origin and reason.
pub(crate) fn headers(record: &Record, reject: &Reject, value_omitted: bool) -> Vec<Header> {
    // A dead letter that was sent back and rejected again keeps the newer reason alone.
    let own = record
        .headers
        .iter()
        .filter(|(name, _)| !ALL.contains(&name.as_str()));
    let mut headers: Vec<Header> = own.cloned().collect();
    let mut add = |name: &str, value: &str| {
        headers.push((name.to_owned(), Some(value.as_bytes().to_vec())));
    };
    add(TOPIC, &record.topic);
    add(PARTITION, &record.partition.to_string());
    add(OFFSET, &record.kafka_offset.to_string());
    add(STAGE, reject.stage);
    add(REASON, reject.reason);
    add(DETAIL, shortened(&reject.detail));
    if value_omitted {
        let bytes = record.value.as_ref().map_or(0, Vec::len);
        add(VALUE_OMITTED, &bytes.to_string());
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

        let headers = headers(&record, &Reject::new("decode", "bad_json", "why"), false);

        assert_eq!(headers[0], ("trace".to_owned(), None));
        assert_eq!(text(&headers, TOPIC), ["articles.raw"]);
        assert_eq!(text(&headers, PARTITION), ["3"]);
        assert_eq!(text(&headers, OFFSET), ["42"]);
        assert_eq!(text(&headers, STAGE), ["decode"]);
        assert_eq!(text(&headers, REASON), ["bad_json"]);
        assert_eq!(text(&headers, DETAIL), ["why"]);
        assert!(text(&headers, VALUE_OMITTED).is_empty());
    }

    #[test]
    fn omitted_value_leaves_its_size() {
        let reject = Reject::new("produce", "record_too_large", "why");

        let headers = headers(&Record::sample(b"body"), &reject, true);

        assert_eq!(text(&headers, VALUE_OMITTED), ["4"]);
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
