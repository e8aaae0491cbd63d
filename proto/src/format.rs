//! The forms of an article as bytes, and their media types.

use std::str::FromStr;

use prost::Message;

use crate::Article;

/// A form of an article as bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    #[default]
    Json,
    /// `copydesk.v1.Article` in protobuf's binary form.
    Protobuf,
    /// The body alone, UTF-8; the other fields come as headers.
    Text,
}

/// A media type or name that is none of [`Format`]'s.
#[derive(Debug, thiserror::Error)]
#[error("unknown format `{0}`: expected application/json, application/x-protobuf or text/plain")]
pub struct UnknownFormat(String);

impl Format {
    /// The media type that a `content-type` header carries.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
            Self::Text => "text/plain",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Reads a media type, with or without parameters (`text/plain; charset=utf-8`).
    fn from_str(media_type: &str) -> Result<Self, Self::Err> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" | "text/json" | "json" => Ok(Self::Json),
            "application/x-protobuf" | "application/protobuf" | "protobuf" => Ok(Self::Protobuf),
            "text/plain" | "text" => Ok(Self::Text),
            _ => Err(UnknownFormat(media_type.to_owned())),
        }
    }
}

/// Writes an article; [`Format::Text`] keeps the body alone.
pub fn encode(article: &Article, format: Format) -> Vec<u8> {
    match format {
        Format::Json => serde_json::to_vec(article).expect("an article has string keys only"),
        Format::Protobuf => article.encode_to_vec(),
        Format::Text => article.text.clone().into_bytes(),
    }
}
