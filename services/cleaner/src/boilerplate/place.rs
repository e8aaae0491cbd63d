//! A line as rules see it: its words, its neighbours, its place.

use crate::line::Line;

/// A line among the others.
pub(super) struct Place<'a> {
    /// The line in lower case with straight apostrophes and single spaces, without the bullets,
    /// arrows and brackets around it.
    pub(super) words: String,
    lines: &'a [Line<'a>],
    index: usize,
}

/// Decoration around a line's words.
fn is_decoration(char: char) -> bool {
    char.is_whitespace() || "[]<>*•·–—-=_|»›→►▶▸⇒➡➤✔👉👇📌🔗~\u{fe0f}".contains(char)
}

impl<'a> Place<'a> {
    pub(super) fn of(lines: &'a [Line<'a>], index: usize) -> Self {
        // A star at the end marks a field of a form.
        let ends = |char| is_decoration(char) && char != '*';
        let core = lines[index]
            .plain
            .trim_start_matches(is_decoration)
            .trim_end_matches(ends);
        let core = if core.is_empty() {
            lines[index].plain.trim()
        } else {
            core
        };
        Self {
            words: fold(core),
            lines,
            index,
        }
    }

    /// Whether at most `count` lines are above.
    pub(super) fn is_in_first(&self, count: usize) -> bool {
        self.index < count
    }

    /// Whether fewer than `count` lines are below.
    pub(super) fn is_in_last(&self, count: usize) -> bool {
        self.lines.len() - self.index <= count
    }

    /// Whether the line reads like a sentence: it ends like one, or is long.
    pub(super) fn is_sentence(&self) -> bool {
        let ends = self.words.trim_end_matches(['"', '”', '\'', ')']);
        ends.ends_with(['.', '!', '?']) && self.word_count() > 3
    }

    pub(super) fn word_count(&self) -> usize {
        self.words.split(' ').count()
    }

    /// The lines before and after, as they stand.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = &'a str> {
        let before = self
            .index
            .checked_sub(1)
            .and_then(|before| self.lines.get(before));
        let after = self.lines.get(self.index + 1);
        before
            .into_iter()
            .chain(after)
            .map(|line| line.plain.as_ref())
    }

    /// The line before, as it stands.
    pub(super) fn before(&self) -> Option<&'a str> {
        let before = self.lines.get(self.index.checked_sub(1)?)?;
        Some(before.plain.as_ref())
    }
}

fn fold(line: &str) -> String {
    let mut words = String::with_capacity(line.len());
    for char in line.chars() {
        match char {
            'a'..='z' | '0'..='9' => words.push(char),
            '’' | '‘' => words.push('\''),
            _ if char.is_whitespace() => {
                if !words.ends_with(' ') {
                    words.push(' ');
                }
            }
            '\u{200c}'..='\u{200f}' | '\u{fe0f}' => {}
            _ => words.extend(char.to_lowercase()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_bare() {
        let text = "➡️ [Don’t\u{a0} MISS: Zoë 👩‍🚀 in Zürich »";
        let lines = Line::split(text);

        assert_eq!(Place::of(&lines, 0).words, "don't miss: zoë 👩🚀 in zürich");
    }

    #[test]
    fn decoration_alone_is_kept() {
        assert_eq!(Place::of(&Line::split("* * *"), 0).words, "* * *");
    }
}
