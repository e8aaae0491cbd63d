//! What an article may hold, whatever form it comes in.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde::de::Error;

use crate::{Article, DecodeError};

/// Most items of a list. One without content has two or three bytes, and takes two hundred in memory.
pub(crate) const MAX_ITEMS: usize = 100_000;
/// The tag of an article's `provenance`, which has a list of its own.
const PROVENANCE: u32 = 14;

/// Refuses a protobuf whose lists together have more than [`MAX_ITEMS`], before anything is made of it.
pub(crate) fn check_items(protobuf: &[u8]) -> Result<(), DecodeError> {
    match count_fields(protobuf).map_err(DecodeError::BadProtobuf)? {
        0..=MAX_ITEMS => Ok(()),
        _ => Err(refused(
            "entities, topics, flags or stages",
            &too_many_items(),
        )),
    }
}

/// What is said of a list without end.
pub(crate) fn too_many_items() -> String {
    format!("more than {MAX_ITEMS} items")
}

/// Counts the fields of an article, those of its provenance among them, and makes nothing of them.
fn count_fields(mut bytes: &[u8]) -> Result<usize, prost::DecodeError> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (tag, wire) = decode_key(&mut bytes)?;
        if (tag, wire) == (PROVENANCE, WireType::LengthDelimited) {
            // Its fields are then counted as if they were the article's.
            decode_varint(&mut bytes)?;
        } else {
            skip_field(wire, tag, &mut bytes, DecodeContext::default())?;
        }
        count += 1;
    }
    Ok(count)
}

/// Refuses what is no number: a score of `1e39` is infinite in 32 bits.
pub(crate) fn check_numbers(article: &Article) -> Result<(), DecodeError> {
    match numbers(article).find(|(_, number)| !number.is_finite()) {
        Some((field, _)) => Err(refused(field, "it is not a number")),
        None => Ok(()),
    }
}

fn numbers(article: &Article) -> impl Iterator<Item = (&'static str, f64)> {
    let score = |score| ("score", f64::from(score));
    let languages = article
        .language
        .iter()
        .map(move |language| score(language.score));
    let entities = article
        .entities
        .iter()
        .map(move |entity| score(entity.score));
    let topics = article.topics.iter().map(move |topic| score(topic.score));
    let stages = article
        .provenance
        .iter()
        .flat_map(|provenance| &provenance.stages);
    let seconds = stages.map(|stage| ("seconds", stage.seconds));
    languages.chain(entities).chain(topics).chain(seconds)
}

fn refused(field: &str, cause: &str) -> DecodeError {
    DecodeError::bad_field(field, serde_json::Error::custom(cause))
}
