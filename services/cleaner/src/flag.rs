//! What a reader should know about a cleaned article.

/// A fact about an article or its cleaning: a closed set, in the order in which it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// No word is left in the text.
    Empty,
    /// The text is confidently in another language than English.
    NotEnglish,
    /// No article was found in the page, so the text is all that a reader would see of it.
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
