//! What `make fuzz` calls: all that a worker makes of a record's bytes before a stage sees them, and
//! what a replay makes of them, should they be a dead letter's.

use copydesk_proto::Format;

use crate::config::{Config, InputFormat};
use crate::dead_letter::{self, Omitted, Reject, is_ours};
use crate::decode::decode;
use crate::record::{Header, Record};
use crate::replay::DeadLetter;
use crate::replay::letter::REPLAYS;
use crate::replay::mark::Mark;
use crate::trace::span;

/// Reads a record in every form.
///
/// # Panics
///
/// When a record that is rejected does not come back as it was, or a mark does not.
pub fn read(key: Option<Vec<u8>>, value: Option<Vec<u8>>, headers: Vec<Header>) {
    let record = Record {
        key,
        value,
        headers,
        ..Record::sample(b"")
    };
    let config = Config::sample();
    let forms = [Format::Json, Format::Protobuf, Format::Text].map(InputFormat::Fixed);
    for form in forms.into_iter().chain([InputFormat::Auto]) {
        if let Err(reject) = decode(&record, form, &config.limits) {
            check_letter(&config, &record, &reject);
        }
    }
    span::parent(&record);
    if let Some(Mark { sent, .. }) = Mark::read(&record) {
        assert_eq!(sent.to_string().parse().ok(), Some(sent));
    }
    DeadLetter(record).restored("articles.raw".into(), 4);
}

fn check_letter(config: &Config, record: &Record, reject: &Reject) {
    let letter = DeadLetter(Record {
        headers: dead_letter::headers(config, record, reject, Omitted::default()),
        ..record.clone()
    });
    let origin = (letter.origin_partition(), letter.origin_offset());
    assert_eq!(origin, (Some(record.partition), Some(record.kafka_offset)));
    assert_eq!(
        (letter.stage(), letter.reason()),
        (reject.stage, reject.reason)
    );
    let restored = letter.restored("articles.raw".into(), 4);
    assert_eq!(
        (&restored.key, &restored.value),
        (&record.key, &record.value)
    );
    assert!(own(&record.headers).eq(own(&restored.headers)));
}

/// The headers that are not about dead letters.
fn own(headers: &[Header]) -> impl Iterator<Item = &Header> {
    let is_own = |(name, _): &&Header| !REPLAYS.eq_ignore_ascii_case(name) && !is_ours(name);
    headers.iter().filter(is_own)
}
