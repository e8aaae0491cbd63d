//! Lines of a text, each with what is to be cut from it.

use std::borrow::Cow;
use std::ops::Range;

use crate::mapped::{Mapped, Rewrite};

/// A line that is not blank.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// The line in its text without white space around it, in bytes.
    pub(crate) range: Range<usize>,
    /// Parts to leave out, sorted, in bytes of the text.
    pub(crate) cuts: Vec<Range<usize>>,
    /// What stays of the line.
    pub(crate) plain: Cow<'a, str>,
    /// Whether the whole line is left out.
    pub(crate) dropped: bool,
    /// Where the line with its white space begins and ends (before the line feed).
    full: Range<usize>,
    after_blank: bool,
}

impl<'a> Line<'a> {
    /// Splits a text into its lines, without the blank ones.
    pub(crate) fn split(text: &'a str) -> Vec<Self> {
        let mut lines = Vec::new();
        let mut start = 0;
        let mut after_blank = false;
        for full in text.split('\n') {
            let trimmed = full.trim();
            if trimmed.is_empty() {
                after_blank = true;
            } else {
                let inner = start + (full.len() - full.trim_start().len());
                lines.push(Self {
                    range: inner..inner + trimmed.len(),
                    cuts: Vec::new(),
                    plain: Cow::Borrowed(trimmed),
                    dropped: false,
                    full: start..start + full.len(),
                    after_blank,
                });
                after_blank = false;
            }
            start += full.len() + 1;
        }
        lines
    }

    /// Leaves out parts of the line; a line of which nothing stays is dropped.
    pub(crate) fn cut(&mut self, text: &str, mut cuts: Vec<Range<usize>>) {
        if cuts.is_empty() {
            return;
        }
        cuts.append(&mut self.cuts);
        cuts.sort_by_key(|cut| (cut.start, cut.end));
        let mut plain = String::with_capacity(self.range.len());
        let mut at = self.range.start;
        for cut in &cuts {
            plain.push_str(text.get(at..cut.start).unwrap_or_default());
            at = at.max(cut.end);
        }
        plain.push_str(text.get(at..self.range.end).unwrap_or_default());
        self.dropped |= plain.trim().is_empty();
        self.plain = Cow::Owned(plain);
        self.cuts = cuts;
    }
}

/// Joins what stays of the lines: one line feed between them, two where a blank line was.
pub(crate) fn join(text: &str, lines: &[Line<'_>]) -> Mapped {
    let mut rewrite = Rewrite::of(text);
    let mut before: Option<&Line<'_>> = None;
    let mut after_blank = false;
    for line in lines {
        after_blank |= line.after_blank;
        if line.dropped {
            continue;
        }
        if let Some(before) = before {
            rewrite.skip_to(before.full.end);
            rewrite.keep_to(before.full.end + 1);
            let last_feed = line.full.start - 1;
            if after_blank && last_feed > before.full.end {
                rewrite.skip_to(last_feed);
                rewrite.keep_to(last_feed + 1);
            }
        }
        write(line, &mut rewrite);
        before = Some(line);
        after_blank = false;
    }
    rewrite.finish()
}

fn write(line: &Line<'_>, rewrite: &mut Rewrite<'_>) {
    rewrite.skip_to(line.range.start);
    let mut at = line.range.start;
    for cut in &line.cuts {
        if cut.start > at {
            rewrite.keep_to(cut.start);
        }
        if cut.end > at {
            rewrite.skip_to(cut.end);
            at = cut.end;
        }
    }
    rewrite.keep_to(line.range.end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_lines_are_joined_as_they_were() {
        let text = "Zoë 👩‍🚀 in Zürich\nsecond\n\nthird";

        assert_eq!(join(text, &Line::split(text)), Mapped::whole(text));
    }

    #[test]
    fn blank_lines_and_outer_space_are_few() {
        let text = "\n  Zoë 👩‍🚀 \n \n\n\tin Zürich  \n\n";
        let joined = join(text, &Line::split(text));

        assert_eq!(joined.text, "Zoë 👩‍🚀\n\nin Zürich");
        assert_eq!(joined.map.raw_range(0..7), Some(3..10));
        assert_eq!(joined.map.raw_range(9..18), Some(16..25));
    }

    #[test]
    fn a_dropped_line_leaves_no_double_blank() {
        let text = "one\n\nad\n\ntwo\nad\nthree";
        let mut lines = Line::split(text);
        lines[1].dropped = true;
        lines[3].dropped = true;

        assert_eq!(join(text, &lines).text, "one\n\ntwo\nthree");
    }

    #[test]
    fn cuts_may_touch_and_overlap() {
        let text = "**Zoë** 👩‍🚀";
        let mut lines = Line::split(text);
        lines[0].cut(text, vec![6..8, 0..2]);
        lines[0].cut(text, std::iter::once(7..9).collect());
        let joined = join(text, &lines);

        assert_eq!(joined.text, "Zoë👩‍🚀");
        assert_eq!(lines[0].plain, "Zoë👩‍🚀");
    }

    #[test]
    fn a_line_with_nothing_left_is_dropped() {
        let text = "****\nZoë";
        let mut lines = Line::split(text);
        lines[0].cut(text, vec![0..2, 2..4]);

        assert_eq!(join(text, &lines).text, "Zoë");
    }
}
