//! Text to sentences.
//!
//! The rules of Unicode (UAX #29) find the candidates; news needs fewer of them: a stop behind an
//! abbreviation or an initial ends no sentence, and neither does a line that goes on in lower case.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Abbreviations that stand before a name or a number, lower case, without their stop.
const ABBREVIATIONS: [&str; 62] = [
    "adm", "ald", "apr", "assn", "atty", "aug", "ave", "bros", "brig", "capt", "cmdr", "co", "col",
    "corp", "cpl", "dec", "dept", "dist", "dr", "drs", "feb", "fig", "fr", "ft", "gen", "gov",
    "hon", "inc", "jan", "jr", "jul", "jun", "lt", "ltd", "maj", "mar", "messrs", "mr", "mrs",
    "ms", "mt", "no", "nov", "oct", "op", "pfc", "ph", "pres", "prof", "pvt", "rep", "reps", "rev",
    "sen", "sens", "sept", "sgt", "sr", "st", "supt", "vol", "vs",
];

/// Cuts a text into sentences: byte ranges that cover it, in order, without a gap.
pub(crate) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences: Vec<Range<usize>> = Vec::new();
    for (start, piece) in text.split_sentence_bound_indices() {
        let end = start + piece.len();
        match sentences.last_mut() {
            Some(last) if goes_on(text.get(last.clone()).unwrap_or_default(), piece) => {
                last.end = end;
            }
            _ => sentences.push(start..end),
        }
    }
    sentences
}

/// Whether what seems to end in `before` goes on in `after`.
fn goes_on(before: &str, after: &str) -> bool {
    // First: a long run of empty lines would be looked through again for each of them.
    if after.trim().is_empty() {
        return true;
    }
    let trimmed = before.trim_end();
    let lines = before
        .get(trimmed.len()..)
        .unwrap_or_default()
        .matches('\n')
        .count();
    match lines {
        0 => ends_in_abbreviation(trimmed),
        1 => !trimmed.ends_with(STOPS) && after.starts_with(char::is_lowercase),
        _ => false,
    }
}

/// Marks that end a sentence, also at the end of a line.
const STOPS: [char; 6] = ['.', '!', '?', ':', '"', '”'];

/// Whether the last word is an abbreviation, or an initial (`J.`, `U.S.`) whose stop says nothing.
fn ends_in_abbreviation(sentence: &str) -> bool {
    let Some(stem) = sentence.strip_suffix('.') else {
        return false;
    };
    let word = stem.rsplit(char::is_whitespace).next().unwrap_or_default();
    let word = word.trim_start_matches(|char: char| !char.is_alphanumeric());
    let last = word.rsplit('.').next().unwrap_or_default();
    let initial = last.chars().count() == 1 && last.chars().all(char::is_uppercase);
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text)
            .into_iter()
            .map(|range| text.get(range).unwrap().trim())
            .collect()
    }

    #[test]
    fn abbreviations_and_initials_end_nothing() {
        let text =
            "Gov. J. B. Smith of the U.S. Army met Dr. Zoë Ito. She left at 5 p.m. He stayed.";

        assert_eq!(
            split(text),
            [
                "Gov. J. B. Smith of the U.S. Army met Dr. Zoë Ito.",
                "She left at 5 p.m.",
                "He stayed."
            ]
        );
    }

    #[test]
    fn lines_end_sentences_but_for_wrapped_ones() {
        let text = "Headline without stop\nThe body is wrapped\nhere. Next.\n\nlast paragraph";

        assert_eq!(
            split(text),
            [
                "Headline without stop",
                "The body is wrapped\nhere.",
                "Next.",
                "last paragraph"
            ]
        );
    }

    #[test]
    fn what_goes_on_in_lower_case_is_one_sentence() {
        let text = "Zipped. ] (/ system\nIt rained! He ran.\nSo did“no.” She\n3.15 p.m. on foot";

        assert_eq!(
            split(text),
            [
                "Zipped. ] (/ system",
                "It rained!",
                "He ran.",
                "So did“no.”",
                "She",
                "3.15 p.m. on foot"
            ]
        );
    }

    #[test]
    fn marks_end_sentences_before_capitals_and_at_line_ends() {
        let text = "It rained. He left at 3.15 p.m. on foot!\nNo comment “So be it.” She went";

        assert_eq!(
            split(text),
            [
                "It rained.",
                "He left at 3.15 p.m. on foot!",
                "No comment “So be it.”",
                "She went"
            ]
        );
    }

    #[test]
    fn a_stop_behind_a_space_abbreviates_nothing() {
        assert_eq!(
            split("Enron Corp . Dr. (Mr. Roe"),
            ["Enron Corp .", "Dr. (Mr. Roe"]
        );
    }

    #[test]
    fn sentences_cover_the_text() {
        for text in [
            "",
            " \n",
            "Zoë 👩‍🚀 in Zürich. 東京です。次。",
            "a.\r\nB\u{2028}C",
            "(. .\n\n\nB",
        ] {
            let ranges = sentences(text);

            let ends = ranges.iter().scan(0, |end, range| {
                assert_eq!(range.start, *end);
                *end = range.end;
                Some(*end)
            });
            assert_eq!(ends.last().unwrap_or_default(), text.len(), "{text:?}");
        }
    }
}
