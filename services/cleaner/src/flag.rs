//! What a reader should know about a cleaned article.

use crate::ending::is_cut;
use crate::language::is_foreign;

/// A fact about an article or its cleaning: a closed set, in the order in which it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// No word is left in the text.
    Empty,
    /// The text is confidently in another language than English.
    NotEnglish,
    /// No article was found in the page, so the text is all of its prose, or all that a reader
    /// would see.
    HtmlFallback,
    /// The text stops in mid-sentence, at an ellipsis or at a counter such as `[+1234 chars]`.
    CutEnd,
    /// More than half of the body was boilerplate.
    MostlyBoilerplate,
}

impl Flag {
    /// Every flag.
    pub const ALL: [Self; 5] = [
        Self::Empty,
        Self::NotEnglish,
        Self::HtmlFallback,
        Self::CutEnd,
        Self::MostlyBoilerplate,
    ];

    /// The flag's name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotEnglish => "not_english",
            Self::HtmlFallback => "html_fallback",
            Self::CutEnd => "cut_end",
            Self::MostlyBoilerplate => "mostly_boilerplate",
        }
    }
}

/// The flags of a plain text and what stayed of it.
pub(crate) fn of_text(raw: &str, clean: &str) -> Vec<Flag> {
    let facts = [
        (!clean.contains(char::is_alphanumeric), Flag::Empty),
        (is_foreign(clean), Flag::NotEnglish),
        (is_cut(raw, clean), Flag::CutEnd),
        (is_less_than_half(clean, raw), Flag::MostlyBoilerplate),
    ];
    facts
        .into_iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, flag)| flag)
        .collect()
}

/// Whether fewer than half of the letters stayed; white space says nothing.
fn is_less_than_half(clean: &str, raw: &str) -> bool {
    clean.len() < raw.len() / 2 && letters(clean) * 2 < letters(raw)
}

fn letters(text: &str) -> usize {
    text.chars().filter(|char| char.is_alphanumeric()).count()
}
