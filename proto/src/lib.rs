//! The article on every hop: its schema, and its forms as bytes.
//!
//! [`Article`] is generated from `copydesk/v1/article.proto`. [`decode`] reads one from a record's
//! value in any of the three forms that scrapers send ([`Format`]); [`encode`] writes one. Nothing
//! here knows Kafka: headers come in as a [`Format`] and name-value pairs.

mod bounds;
mod decode;
mod format;
mod json;

#[allow(
    missing_docs,
    clippy::all,
    reason = "generated; the schema carries the comments"
)]
mod v1 {
    include!(concat!(env!("OUT_DIR"), "/copydesk.v1.rs"));
}

pub use decode::{DecodeError, decode};
pub use format::{Format, UnknownFormat, encode};
pub use v1::{Article, Entity, Input, Language, Provenance, StageReport, Topic};

/// An article is its own work in progress, where stages need nothing else.
impl AsMut<Article> for Article {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
