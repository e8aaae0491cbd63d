//! Marks of markdown in a line: headings and lists before it, emphasis and links inside it.

mod block;
mod emphasis;
mod link;

use std::ops::Range;

use crate::line::Line;

/// Cuts the marks from every line.
pub(crate) fn cut(text: &str, lines: &mut [Line<'_>]) {
    let listed = block::list_items(lines);
    for (line, is_item) in lines.iter_mut().zip(listed) {
        let Some(content) = text.get(line.range.clone()) else {
            continue;
        };
        let mut cuts = block::cuts(content, is_item);
        if content
            .bytes()
            .any(|byte| matches!(byte, b'*' | b'_' | b'['))
        {
            let links = link::cuts(content);
            cuts.extend(emphasis::cuts(content, &links));
            cuts.extend(links);
        }
        line.cut(text, shift(cuts, line.range.start));
    }
}

/// Ranges of a line as ranges of its text.
fn shift(ranges: Vec<Range<usize>>, by: usize) -> Vec<Range<usize>> {
    ranges
        .into_iter()
        .map(|range| range.start + by..range.end + by)
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::line::{Line, join};

    fn plain(text: &str) -> String {
        let mut lines = Line::split(text);
        super::cut(text, &mut lines);
        join(text, &lines).text
    }

    #[test]
    fn marks_go_and_words_stay() {
        let raw = "## **Zoë** flies\n* the [👩‍🚀](https://example.org/a_b_(c) \"t\")\n* in *Zürich*";

        assert_eq!(plain(raw), "Zoë flies\nthe 👩‍🚀\nin Zürich");
    }

    #[test]
    fn a_line_that_is_an_image_goes() {
        assert_eq!(
            plain("one\n![Zoë](z.jpg)\n[![x](y.png)](https://example.org)\ntwo"),
            "one\ntwo"
        );
    }
}
