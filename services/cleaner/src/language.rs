//! The language that a text is written in.

use whatlang::{Info, Lang};

/// How many code points of a text are looked at: more would not change the answer.
const SAMPLE_CHARS: usize = 1_000;

/// Fewer letters say too little.
const MIN_LETTERS: usize = 60;

/// Finds the language of a text: its ISO 639-1 code and a confidence from 0 to 1. `None` where the
/// text says too little to tell.
pub fn detect_language(text: &str) -> Option<(String, f32)> {
    if is_plain_english(text) {
        return Some((code(Lang::Eng).to_owned(), 1.0));
    }
    let info = detect(text).filter(Info::is_reliable)?;
    Some((code(info.lang()).to_owned(), info.confidence() as f32))
}

/// Words that make up a quarter of English and little of any other language.
const ENGLISH: [&str; 12] = [
    "the", "of", "and", "to", "in", "that", "is", "was", "for", "with", "said", "by",
];

/// Whether a text is plainly English, which is far cheaper to see than which language it is in.
fn is_plain_english(text: &str) -> bool {
    let words = text.split_ascii_whitespace().take(100);
    let (count, english) = words.fold((0, 0), |(count, english), word| {
        (count + 1, english + usize::from(ENGLISH.contains(&word)))
    });
    count >= 20 && english * 7 >= count
}

/// Whether a text is surely in another language than English.
pub(crate) fn is_foreign(text: &str) -> bool {
    if is_plain_english(text) {
        return false;
    }
    let letters = text
        .chars()
        .take(SAMPLE_CHARS)
        .filter(|char| char.is_alphabetic())
        .count();
    letters >= MIN_LETTERS
        && detect(text).is_some_and(|info| info.is_reliable() && info.lang() != Lang::Eng)
}

fn detect(text: &str) -> Option<Info> {
    let end = text
        .char_indices()
        .nth(SAMPLE_CHARS)
        .map_or(text.len(), |(at, _)| at);
    whatlang::detect(text.get(..end)?)
}

/// The ISO 639-1 code of a language, which whatlang names by ISO 639-3; a macro-language has the
/// code of its largest member.
fn code(language: Lang) -> &'static str {
    match language {
        Lang::Afr => "af",
        Lang::Aka => "ak",
        Lang::Amh => "am",
        Lang::Ara => "ar",
        Lang::Aze => "az",
        Lang::Bel => "be",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh",
        Lang::Cym => "cy",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Epo => "eo",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Hye => "hy",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jav => "jv",
        Lang::Jpn => "ja",
        Lang::Kan => "kn",
        Lang::Kat => "ka",
        Lang::Khm => "km",
        Lang::Kor => "ko",
        Lang::Lat => "la",
        Lang::Lav => "lv",
        Lang::Lit => "lt",
        Lang::Mal => "ml",
        Lang::Mar => "mr",
        Lang::Mkd => "mk",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Nob => "nb",
        Lang::Ori => "or",
        Lang::Pan => "pa",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Sin => "si",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Sna => "sn",
        Lang::Spa => "es",
        Lang::Srp => "sr",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tgl => "tl",
        Lang::Tha => "th",
        Lang::Tuk => "tk",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Uzb => "uz",
        Lang::Vie => "vi",
        Lang::Yid => "yi",
        Lang::Zul => "zu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "The astronaut Zoë 👩‍🚀 landed in Zürich on Monday, where the mayor and \
        a crowd of several thousand people welcomed her with flowers.";
    const GERMAN: &str = "Die Astronautin Zoë 👩‍🚀 ist am Montag in Zürich gelandet, wo sie der \
        Bürgermeister und mehrere tausend Menschen mit Blumen empfingen.";

    #[test]
    fn languages_are_named_by_two_letters() {
        assert_eq!(detect_language(ENGLISH).unwrap().0, "en");
        assert_eq!(detect_language(GERMAN).unwrap().0, "de");
        assert_eq!(
            detect_language("東京で大きな会議が開かれました。")
                .unwrap()
                .0,
            "ja"
        );
        assert_eq!(detect_language("12 : 34"), None);
        assert_eq!(
            detect_language("Gov. Maria Souza met IBM in New York"),
            None
        );
    }

    #[test]
    fn only_long_foreign_texts_are_foreign() {
        assert!(is_foreign(GERMAN));
        assert!(!is_foreign(ENGLISH));
        assert!(!is_foreign("Grüezi Zoë"));
    }
}
