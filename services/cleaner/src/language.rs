//! The language that a text is written in.

use whatlang::Lang;

/// Finds the language of a text: its ISO 639-1 code and a confidence from 0 to 1.
pub fn detect_language(text: &str) -> Option<(String, f32)> {
    let info = whatlang::detect(text)?;
    Some((code(info.lang())?.to_owned(), info.confidence() as f32))
}

/// The ISO 639-1 code of a language, which whatlang names by ISO 639-3.
fn code(language: Lang) -> Option<&'static str> {
    (language == Lang::Eng).then_some("en")
}
