//! Bytes to an article, with an error that names what is wrong.

use std::borrow::Cow;
use std::collections::HashMap;

use prost::Message;
use serde_json::value::RawValue;

use crate::bounds::{check_items, check_numbers};
use crate::{Article, Format, Language};

/// Why bytes are not an article. [`DecodeError::reason`] is a closed set for metrics and headers.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The value has no bytes.
    #[error("the value is empty")]
    Empty,
    /// The value is text in another encoding, or no text at all.
    #[error("not UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// The value is not a JSON object.
    #[error("not a JSON object")]
    BadJson(#[source] serde_json::Error),
    /// A field has another type than the contract's.
    #[error("field `{field}`")]
    BadField {
        /// Path of the field, e.g. `language.code`.
        field: String,
        /// What was found and what was expected.
        #[source]
        cause: serde_json::Error,
    },
    /// The value is not a `copydesk.v1.Article`.
    #[error("not a copydesk.v1.Article")]
    BadProtobuf(#[source] prost::DecodeError),
    /// Neither `text` nor `html` is there.
    #[error("no body: neither `text` nor `html` is there")]
    NoBody,
}

impl DecodeError {
    /// All reasons.
    pub const REASONS: [&str; 6] = [
        "empty_value",
        "not_utf8",
        "bad_json",
        "bad_field",
        "bad_protobuf",
        "no_body",
    ];

    pub(crate) fn bad_field(field: &str, cause: serde_json::Error) -> Self {
        Self::BadField {
            field: field.to_owned(),
            cause,
        }
    }

    /// The reason as a word, one of [`Self::REASONS`].
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "empty_value",
            Self::NotUtf8(_) => "not_utf8",
            Self::BadJson(_) => "bad_json",
            Self::BadField { .. } => "bad_field",
            Self::BadProtobuf(_) => "bad_protobuf",
            Self::NoBody => "no_body",
        }
    }
}

/// Reads an article. `headers` fill in the fields of a plain-text body (`id`, `url`, `source`,
/// `title`, `language`, `published_at`, `fetched_at`, `metadata`); other names are passed over.
///
/// A body of no words is an article; a value without a body is not.
pub fn decode<'h>(
    value: &[u8],
    format: Format,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
) -> Result<Article, DecodeError> {
    if value.is_empty() {
        return Err(DecodeError::Empty);
    }
    let mut article = match format {
        Format::Json => from_json(value),
        Format::Protobuf => from_protobuf(value),
        Format::Text => from_text(value, headers),
    }?;
    // One without a code says nothing, and is to be detected.
    article.language = article
        .language
        .filter(|language| !language.code.is_empty());
    Ok(article)
}

fn from_json(value: &[u8]) -> Result<Article, DecodeError> {
    let json = std::str::from_utf8(value).map_err(DecodeError::NotUtf8)?;
    let fields: HashMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(json).map_err(DecodeError::BadJson)?;
    let has = |field| fields.get(field).is_some_and(|value| value.get() != "null");
    if !has("text") && !has("html") {
        return Err(DecodeError::NoBody);
    }
    let json = &mut serde_json::Deserializer::from_str(json);
    let article =
        serde_path_to_error::deserialize(json).map_err(|error| DecodeError::BadField {
            field: error.path().to_string(),
            cause: error.into_inner(),
        })?;
    check_numbers(&article)?;
    Ok(article)
}

/// What protobuf can hold and JSON cannot is no article: it would fail on its way out, or at readers.
fn from_protobuf(value: &[u8]) -> Result<Article, DecodeError> {
    check_items(value)?;
    let article = Article::decode(value).map_err(DecodeError::BadProtobuf)?;
    if !article.metadata.is_empty() {
        serde_json::from_str::<&RawValue>(&article.metadata)
            .map_err(|cause| DecodeError::bad_field("metadata", cause))?;
    }
    check_numbers(&article)?;
    Ok(article)
}

fn from_text<'h>(
    value: &[u8],
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
) -> Result<Article, DecodeError> {
    let text = std::str::from_utf8(value).map_err(DecodeError::NotUtf8)?;
    let mut article = Article {
        text: text.to_owned(),
        ..Article::default()
    };
    for (name, header) in headers {
        let header = header.to_owned();
        match name.to_ascii_lowercase().as_str() {
            "id" => article.id = header,
            "url" => article.url = header,
            "source" => article.source = header,
            "title" => article.title = header,
            "published_at" => article.published_at = header,
            "fetched_at" => article.fetched_at = header,
            "metadata" => article.metadata = metadata(&header),
            "language" => {
                article.language = Some(Language {
                    code: header,
                    score: 1.0,
                })
            }
            _ => {}
        }
    }
    Ok(article)
}

/// JSON text is kept as it came; anything else becomes a JSON string.
fn metadata(header: &str) -> String {
    match serde_json::from_str::<&RawValue>(header) {
        Ok(json) => json.get().to_owned(),
        Err(_) => serde_json::Value::from(header).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::MAX_ITEMS;
    use crate::encode;

    fn json(value: &str) -> Result<Article, DecodeError> {
        decode(value.as_bytes(), Format::Json, [])
    }

    #[test]
    fn fields_survive_to_the_letter() {
        let raw = r#"{"id":"a","title":"Zoë 👩‍🚀 in Zürich","text":"é\r\n","language":"de",
            "metadata":{"n":1.10,"b":[9007199254740993]}}"#;

        let article = json(raw).unwrap();
        let again = decode(&encode(&article, Format::Json), Format::Json, []).unwrap();

        assert_eq!(article.metadata, r#"{"n":1.10,"b":[9007199254740993]}"#);
        assert_eq!(article.title, "Zoë 👩‍🚀 in Zürich");
        assert_eq!(
            article.language,
            Some(Language {
                code: "de".into(),
                score: 1.0
            })
        );
        assert_eq!(again, article);
    }

    #[test]
    fn stated_language_is_certain_and_one_without_a_code_is_none() {
        let stated = |code: &str| {
            Some(Language {
                code: code.to_owned(),
                score: 1.0,
            })
        };
        let read = |value: &str| json(value).unwrap().language;

        assert_eq!(
            read(r#"{"text":"x","language":{"code":"de"}}"#),
            stated("de")
        );
        assert_eq!(read(r#"{"text":"x","language":""}"#), None);
        assert_eq!(
            read(r#"{"text":"x","language":{"code":"","score":1}}"#),
            None
        );
        let header = |value: &str| decode(b"x", Format::Text, [("language", value)]).unwrap();
        assert_eq!(header("de").language, stated("de"));
        assert_eq!(header("").language, None);
        let article = Article {
            text: "x".to_owned(),
            language: stated(""),
            ..Article::default()
        };
        let bytes = encode(&article, Format::Protobuf);
        assert_eq!(decode(&bytes, Format::Protobuf, []).unwrap().language, None);
    }

    #[test]
    fn protobuf_and_json_carry_the_same() {
        let article = json(r#"{"text":"x","metadata":[1],"published_at":"2026"}"#).unwrap();

        let bytes = encode(&article, Format::Protobuf);

        assert_eq!(decode(&bytes, Format::Protobuf, []).unwrap(), article);
    }

    #[test]
    fn protobuf_that_json_has_no_place_for_is_refused() {
        let language = Language {
            code: "en".to_owned(),
            score: f32::NAN,
        };
        let cases = [
            Article {
                metadata: "{".to_owned(),
                ..Article::default()
            },
            Article {
                metadata: "1 2".to_owned(),
                ..Article::default()
            },
            Article {
                language: Some(language),
                ..Article::default()
            },
        ];

        let fields = cases.map(|article| {
            let bytes = encode(&article, Format::Protobuf);
            match decode(&bytes, Format::Protobuf, []) {
                Err(DecodeError::BadField { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        });

        assert_eq!(fields, ["metadata", "metadata", "score"]);
    }

    #[test]
    fn deep_json_takes_no_stack() {
        let deep = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!("{{\"text\":\"x\",\"metadata\":{open}{close},\"other\":{open}{close}}}")
        };
        let decoding = std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || {
                let article = json(&deep(10_000)).unwrap();
                let again = json(&String::from_utf8(encode(&article, Format::Json)).unwrap());
                (again.unwrap() == article, json(&deep(1_000_000)).is_ok())
            });

        let (is_same, _) = decoding.unwrap().join().expect("no stack overflows");

        assert!(is_same);
    }

    #[test]
    fn null_is_absent() {
        let article = json(r#"{"text":"x","title":null,"language":null,"metadata":null}"#).unwrap();

        assert_eq!(
            article,
            Article {
                text: "x".into(),
                ..Article::default()
            }
        );
    }

    #[test]
    fn wrong_type_names_its_field() {
        let cases = [
            r#"{"text":3}"#,
            r#"{"html":"x","text":[]}"#,
            r#"{"text":"x","language":{"code":1}}"#,
            r#"{"text":"x","language":[0,0]}"#,
        ];

        let fields = cases.map(|case| match json(case) {
            Err(DecodeError::BadField { field, .. }) => field,
            other => panic!("{case} gave {other:?}"),
        });

        assert_eq!(fields, ["text", "text", "language.code", "language"]);
    }

    #[test]
    fn unreadable_values_give_their_reason() {
        let deep = format!("{{\"text\":\"x\",\"metadata\":{}", "[".repeat(10_000));
        let cases: [(&[u8], &str); 7] = [
            (b"", "empty_value"),
            (b"{\"text\":\"\xff\"}", "not_utf8"),
            (b"{\"text\":", "bad_json"),
            (b"[\"text\"]", "bad_json"),
            (b"{}", "no_body"),
            (b"{\"text\":null}", "no_body"),
            (deep.as_bytes(), "bad_json"),
        ];

        for (value, reason) in cases {
            assert_eq!(
                decode(value, Format::Json, []).unwrap_err().reason(),
                reason
            );
        }
    }

    #[test]
    fn lists_without_end_are_refused_before_they_take_memory() {
        let entities =
            |count| format!(r#"{{"text":"x","entities":[{}{{}}]}}"#, "{},".repeat(count));
        let stages = |count| [b"\x72\x80\x80\x80\x01".to_vec(), b"\x2a\x00".repeat(count)].concat();

        let allowed = json(&entities(MAX_ITEMS - 1)).unwrap();
        let json = json(&entities(MAX_ITEMS)).unwrap_err();
        let protobuf = decode(&b"\x5a\x00".repeat(MAX_ITEMS + 1), Format::Protobuf, []);
        let nested = decode(&stages(MAX_ITEMS + 1), Format::Protobuf, []);

        assert_eq!(allowed.entities.len(), MAX_ITEMS);
        for error in [json, protobuf.unwrap_err(), nested.unwrap_err()] {
            assert_eq!(error.reason(), "bad_field");
        }
    }

    #[test]
    fn infinite_score_is_no_number() {
        let error = json(r#"{"text":"x","language":{"code":"en","score":1e39}}"#).unwrap_err();

        assert_eq!(error.reason(), "bad_field");
    }

    #[test]
    fn body_of_no_words_is_an_article() {
        assert_eq!(json(r#"{"text":""}"#).unwrap(), Article::default());
    }

    #[test]
    fn headers_fill_a_plain_text_article() {
        let headers = [
            ("Title", "Zoë"),
            ("x-other", "1"),
            ("language", "en"),
            ("metadata", "a b"),
        ];

        let article = decode("Zürich\n".as_bytes(), Format::Text, headers).unwrap();

        assert_eq!(
            (article.title.as_str(), article.text.as_str()),
            ("Zoë", "Zürich\n")
        );
        assert_eq!(article.metadata, "\"a b\"");
        assert_eq!(article.language.unwrap().code, "en");
    }
}
