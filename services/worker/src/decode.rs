//! A record to an article, or the reason why not.

use copydesk_proto::{Article, DecodeError, Format, Input};

use crate::config::{InputFormat, Limits};
use crate::dead_letter::Reject;
use crate::error::chain;
use crate::record::Record;

/// The header that says which form a value has.
pub(crate) const CONTENT_TYPE: &str = "content-type";
/// The step that this is.
pub(crate) const STAGE: &str = "decode";
const VALUE_TOO_LARGE: &str = "value_too_large";
const BAD_HEADER: &str = "bad_header";
const UNKNOWN_CONTENT_TYPE: &str = "unknown_content_type";

/// All reasons for which a record is no article.
pub(crate) fn reasons() -> impl Iterator<Item = &'static str> {
    let own = [VALUE_TOO_LARGE, BAD_HEADER, UNKNOWN_CONTENT_TYPE];
    DecodeError::REASONS.into_iter().chain(own)
}

/// Reads the article in a record, and notes in it where it came from.
///
/// An article without an id gets one from topic, partition and offset: the same each time that the
/// record is read, so that readers can tell a record done twice from two records.
pub(crate) fn decode(
    record: &Record,
    format: InputFormat,
    limits: &Limits,
) -> Result<Article, Reject> {
    let value = record.value.as_deref().unwrap_or_default();
    if value.len() > limits.max_value_bytes {
        let detail = format!(
            "the value has {} bytes, more than the limit of {} (setting limits.max_value_bytes)",
            value.len(),
            limits.max_value_bytes
        );
        return Err(Reject::new(STAGE, VALUE_TOO_LARGE, detail));
    }
    if record.unreadable_headers > 0 {
        let detail = format!(
            "the names of {} of its headers are not UTF-8; the dead letter goes without them",
            record.unreadable_headers
        );
        return Err(Reject::new(STAGE, BAD_HEADER, detail));
    }
    let format = form_of(record, value, format)?;
    let mut article = copydesk_proto::decode(value, format, record.text_headers())
        .map_err(|error| Reject::new(STAGE, error.reason(), chain(&error)))?;
    if article.id.is_empty() {
        article.id = record.place();
    }
    article.provenance.get_or_insert_default().input = Some(Input {
        topic: record.topic.to_string(),
        partition: record.partition,
        offset: record.kafka_offset,
    });
    Ok(article)
}

/// The form by header, else by setting, else by the look of the first character. Protobuf has no
/// look of its own: it takes the header or the setting.
fn form_of(record: &Record, value: &[u8], format: InputFormat) -> Result<Format, Reject> {
    if let Some(media_type) = record.header(CONTENT_TYPE) {
        return media_type
            .parse()
            .map_err(|error: copydesk_proto::UnknownFormat| {
                Reject::new(STAGE, UNKNOWN_CONTENT_TYPE, error.to_string())
            });
    }
    let first = || value.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(match format {
        InputFormat::Fixed(format) => format,
        InputFormat::Auto if matches!(first(), Some(b'{' | b'[')) => Format::Json,
        InputFormat::Auto => Format::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_value_bytes: 100,
        article_timeout_ms: 1,
        stall_timeout_ms: 2,
    };

    fn typed(value: &[u8], media_type: &str) -> Record {
        let header = (
            CONTENT_TYPE.to_owned(),
            Some(media_type.as_bytes().to_vec()),
        );
        Record {
            headers: vec![header],
            ..Record::sample(value)
        }
    }

    fn auto(record: &Record) -> Result<Article, Reject> {
        decode(record, InputFormat::Auto, &LIMITS)
    }

    #[test]
    fn id_is_the_scrapers_own_or_the_place_of_the_record() {
        let own = auto(&Record::sample(br#"{"id":"a","text":"x"}"#)).unwrap();
        let derived = auto(&Record::sample(br#"{"text":"x"}"#)).unwrap();

        assert_eq!(own.id, "a");
        assert_eq!(derived.id, "articles.raw/3/42");
        let input = derived.provenance.unwrap().input.unwrap();
        assert_eq!(
            (input.topic.as_str(), input.partition, input.offset),
            ("articles.raw", 3, 42)
        );
    }

    #[test]
    fn look_tells_json_from_text() {
        let json = auto(&Record::sample(b"\n {\"text\":\"x\"}")).unwrap();
        let text = auto(&Record::sample("Zoë {in} Zürich".as_bytes())).unwrap();

        assert_eq!(json.text, "x");
        assert_eq!(text.text, "Zoë {in} Zürich");
    }

    #[test]
    fn header_goes_before_look_and_setting() {
        let text = typed(b"{\"text\":\"x\"}", "text/plain; charset=utf-8");

        let article = decode(&text, InputFormat::Fixed(Format::Json), &LIMITS).unwrap();

        assert_eq!(article.text, "{\"text\":\"x\"}");
    }

    #[test]
    fn protobuf_is_read_by_setting() {
        let article = Article {
            text: "x".to_owned(),
            ..Article::default()
        };
        let record = Record::sample(&copydesk_proto::encode(&article, Format::Protobuf));

        let decoded = decode(&record, InputFormat::Fixed(Format::Protobuf), &LIMITS).unwrap();

        assert_eq!(decoded.text, "x");
    }

    #[test]
    fn unreadable_records_say_why() {
        let cases = [
            (
                Record {
                    value: None,
                    ..Record::sample(b"")
                },
                "empty_value",
            ),
            (Record::sample(b""), "empty_value"),
            (Record::sample(b"\xff\xfe"), "not_utf8"),
            (Record::sample(b"{"), "bad_json"),
            (Record::sample(b"{}"), "no_body"),
            (Record::sample(b"{\"text\":1}"), "bad_field"),
            (typed(b"x", "image/png"), "unknown_content_type"),
            (Record::sample(&[b'x'; 101]), "value_too_large"),
            (
                Record {
                    unreadable_headers: 1,
                    ..Record::sample(b"x")
                },
                "bad_header",
            ),
        ];

        for (record, reason) in cases {
            let reject = auto(&record).unwrap_err();
            assert_eq!((reject.stage, reject.reason), ("decode", reason));
            assert!(reasons().any(|known| known == reason), "{reason}");
        }
    }

    #[test]
    fn too_large_a_value_names_both_sizes() {
        let detail = auto(&Record::sample(&[b'x'; 101])).unwrap_err().detail;

        assert!(
            detail.contains("101 bytes") && detail.contains("limit of 100"),
            "{detail}"
        );
    }
}
