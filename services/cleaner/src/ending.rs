//! Bodies that a feed cut short.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::line::Line;

/// What feeds write where they cut: `[+1234 chars]`.
static COUNTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\s*\[\+\d{1,7} (?:chars|characters|words)\]$").expect("the pattern is a constant")
});

/// Shorter last lines may be a caption or a name.
const MIN_WORDS: usize = 12;

/// Fewer words after a full stop may be an agency or a place.
const MIN_TAIL_WORDS: usize = 4;

/// Cuts the counter from the end of the last line.
pub(crate) fn cut_counter(text: &str, lines: &mut [Line<'_>]) {
    let Some(last) = lines.iter_mut().rfind(|line| !line.dropped) else {
        return;
    };
    let content = text.get(last.range.clone()).unwrap_or_default();
    if !content.ends_with(']') {
        return;
    }
    if let Some(counter) = COUNTER.find(content) {
        let start = last.range.start + counter.start();
        let range: Range<usize> = start..last.range.end;
        last.cut(text, vec![range]);
    }
}

/// Whether a text stops before it is over.
pub(crate) fn is_cut(raw: &str, clean: &str) -> bool {
    let last = clean.lines().next_back().unwrap_or_default().trim_end();
    let has_ellipsis = last.ends_with(['…']) || last.ends_with("...") || last.ends_with("[…]");
    let stops = |char: char| char.is_alphanumeric() || matches!(char, ',' | ';' | '–' | '—' | '-');
    let tail = last.rsplit(['.', '!', '?']).next().unwrap_or_default();
    let in_mid_sentence = last.ends_with(stops)
        && last.split_whitespace().count() >= MIN_WORDS
        && tail.split_whitespace().count() >= MIN_TAIL_WORDS;
    has_ellipsis || in_mid_sentence || COUNTER.is_match(raw.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::join;

    #[test]
    fn counters_go() {
        let text = "Zoë 👩‍🚀 landed in Zürich and… [+1234 chars]";
        let mut lines = Line::split(text);

        cut_counter(text, &mut lines);

        assert_eq!(join(text, &lines).text, "Zoë 👩‍🚀 landed in Zürich and…");
    }

    #[test]
    fn broken_ends_are_seen() {
        for text in [
            "Zoë said…",
            "Zoë said...",
            "Zoë said [+12 chars]",
            "In Zürich the astronaut said on Monday that nobody had told her about the",
        ] {
            assert!(is_cut(text, text), "{text}");
        }
    }

    #[test]
    fn whole_ends_are_not() {
        for text in [
            "Zoë said so.",
            "“So it is.”",
            "By Zoë Keller",
            "東京で会議が開かれた。",
            "",
        ] {
            assert!(!is_cut(text, text), "{text}");
        }
    }
}
