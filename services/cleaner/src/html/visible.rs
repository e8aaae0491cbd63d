//! The text that a reader of a page sees, without building a tree: linear in time, whatever comes.

use std::ops::Range;

use crate::character::is_invisible;
use crate::entity;
use crate::mapped::{Mapped, Rewrite};
use crate::markup::{Kind, Reader};

/// Renders a page: one paragraph a line with a blank line between, white space collapsed.
pub(super) fn render(page: &str) -> Mapped {
    let mut markup = Reader::of_page(page);
    let mut output = Output::of(page);
    let mut at = 0;
    while let Some(char) = page.get(at..).and_then(|rest| rest.chars().next()) {
        let mut end = at + char.len_utf8();
        match char {
            '<' => match markup.read_at(at) {
                Some(found) => {
                    end = at + found.len;
                    output.markup(found.kind, end);
                }
                None => output.text(at, end),
            },
            '&' => match page.get(at..).and_then(entity::read) {
                Some(reference) => {
                    end = at + reference.len;
                    output.reference(at, end, &reference);
                }
                None => output.text(at, end),
            },
            _ if is_html_space(char) => {
                end = end_of(page, at, is_html_space);
                output.space = Some(at..end);
            }
            _ if is_invisible(char) => {}
            _ => {
                end = end_of(page, at, is_plain);
                output.text(at, end);
            }
        }
        at = end;
    }
    output.rewrite.finish()
}

/// The inside of the page's `title` element.
pub(super) fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title")?;
    let (_, rest) = rest.split_once('>')?;
    let (title, _) = rest.split_once("</title")?;
    Some(title)
}

/// White space that HTML collapses; a no-break space is not.
fn is_html_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn is_plain(char: char) -> bool {
    !matches!(char, '<' | '&') && !is_html_space(char) && !is_invisible(char)
}

/// Where the run of characters of a kind that begins at `at` ends.
fn end_of(page: &str, at: usize, is_kind: fn(char) -> bool) -> usize {
    let rest = page.get(at..).unwrap_or_default();
    rest.find(|char| !is_kind(char))
        .map_or(page.len(), |len| at + len)
}

/// The text written so far, and the white space due before the next.
struct Output<'a> {
    page: &'a str,
    rewrite: Rewrite<'a>,
    space: Option<Range<usize>>,
    feeds: usize,
    is_empty: bool,
}

impl<'a> Output<'a> {
    fn of(page: &'a str) -> Self {
        Self {
            page,
            rewrite: Rewrite::of(page),
            space: None,
            feeds: 0,
            is_empty: true,
        }
    }

    fn markup(&mut self, kind: Kind, end: usize) {
        match kind {
            Kind::Hidden | Kind::Inline => {}
            Kind::Cell => self.space = Some(end..end),
            Kind::Line => self.feeds = self.feeds.max(1),
            Kind::Paragraph => self.feeds = 2,
        }
    }

    fn text(&mut self, start: usize, end: usize) {
        self.write_space(start);
        self.rewrite.keep_to(end);
    }

    fn reference(&mut self, start: usize, end: usize, reference: &entity::Reference) {
        if reference.text.is_empty() {
            return;
        }
        self.write_space(start);
        if reference.nested {
            self.rewrite.skip_to(end);
            self.rewrite.insert(&reference.text);
        } else {
            self.rewrite.replace_to(end, &reference.text);
        }
    }

    /// Writes the white space due before the text at `start`.
    fn write_space(&mut self, start: usize) {
        let space = self.space.take();
        let feeds = std::mem::take(&mut self.feeds);
        if !self.is_empty {
            match space {
                _ if feeds > 0 => self.rewrite.insert(if feeds == 1 { "\n" } else { "\n\n" }),
                Some(space) if self.page.get(space.clone()) == Some(" ") => {
                    self.rewrite.skip_to(space.start);
                    self.rewrite.keep_to(space.end);
                }
                Some(_) => self.rewrite.insert(" "),
                None => {}
            }
        }
        self.is_empty = false;
        self.rewrite.skip_to(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_paragraphs_and_space_collapses() {
        let page =
            "<div>\n <p>Zoë  <b>👩‍🚀</b>\nin <i>Zürich</i></p><ul><li>a</li><li>b</li></ul>c</div>";

        assert_eq!(render(page).text, "Zoë 👩‍🚀 in Zürich\n\na\nb\n\nc");
    }

    #[test]
    fn scripts_and_comments_are_not_seen() {
        let page = "a<script>if (a<b) {}</script><!-- no --><style>p{}</style>b<title>t</title>";

        assert_eq!(render(page).text, "ab");
    }

    #[test]
    fn places_are_true_through_tags_and_references() {
        let page = "<p>Zoë 👩‍🚀 in <b>Z&uuml;rich</b> &amp; on</p>";
        let visible = render(page);

        assert_eq!(visible.text, "Zoë 👩‍🚀 in Zürich & on");
        assert_eq!(visible.map.raw_range(0..7), Some(3..10));
        assert_eq!(visible.map.raw_range(11..17), Some(17..28));
        assert_eq!(visible.map.raw_range(8..17), None);
    }

    #[test]
    fn cells_are_apart() {
        assert_eq!(
            render("<tr><td>Zoë</td><td>1</td></tr><tr><td>b</td></tr>").text,
            "Zoë 1\nb"
        );
    }
}
