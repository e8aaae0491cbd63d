//! Plain text without encodings: line ends, invisible characters, character references, stray
//! tags.

use crate::character::{is_invisible, is_line_break};
use crate::entity;
use crate::mapped::{Mapped, Rewrite};
use crate::markup::{Kind, Reader};

/// Decodes scraped plain text.
pub(crate) fn decode(raw: &str) -> Mapped {
    let mut rewrite = Rewrite::of(raw);
    let mut markup = Reader::of_prose(raw);
    let mut at = 0;
    while let Some(found) = next_candidate(raw, at) {
        rewrite.keep_to(found);
        at = edit(raw, found, &mut markup, &mut rewrite);
    }
    rewrite.keep_to(raw.len());
    rewrite.finish()
}

/// The next byte, from `at` on, at which an edit can begin.
fn next_candidate(raw: &str, at: usize) -> Option<usize> {
    let rest = raw.as_bytes().get(at..)?;
    rest.iter()
        .position(|&byte| CANDIDATE[byte as usize])
        .map(|offset| at + offset)
}

/// Bytes that begin a control character, a reference, a tag, or a character with the lead byte of
/// an invisible one.
static CANDIDATE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_control = byte < 0x20 && byte != b'\n' as usize && byte != b'\t' as usize;
        table[byte] = is_control || matches!(byte, 0x26 | 0x3c | 0x7f | 0xc2 | 0xe2 | 0xef);
        byte += 1;
    }
    table
};

/// Edits what begins at `at`, if anything does, and returns where to go on.
fn edit(raw: &str, at: usize, markup: &mut Reader<'_>, rewrite: &mut Rewrite<'_>) -> usize {
    let rest = raw.get(at..).expect("candidates begin characters");
    let first = rest.chars().next().expect("a candidate is inside the text");
    let after_first = at + first.len_utf8();
    match first {
        '\r' => {
            let end = if rest.starts_with("\r\n") {
                at + 2
            } else {
                after_first
            };
            rewrite.replace_to(end, "\n");
            end
        }
        '&' => match entity::read(rest) {
            Some(reference) => edit_reference(at, &reference, rewrite),
            None => keep(after_first, rewrite),
        },
        '<' => match markup.read_at(at) {
            Some(found) => edit_markup(at + found.len, found.kind, rewrite),
            None => keep(after_first, rewrite),
        },
        _ if is_line_break(first) => {
            rewrite.skip_to(after_first);
            rewrite.insert("\n");
            after_first
        }
        _ if is_invisible(first) => {
            rewrite.skip_to(after_first);
            after_first
        }
        _ => keep(after_first, rewrite),
    }
}

fn keep(end: usize, rewrite: &mut Rewrite<'_>) -> usize {
    rewrite.keep_to(end);
    end
}

fn edit_reference(at: usize, reference: &entity::Reference, rewrite: &mut Rewrite<'_>) -> usize {
    let end = at + reference.len;
    if reference.nested {
        rewrite.skip_to(end);
        rewrite.insert(&reference.text);
    } else {
        rewrite.replace_to(end, &reference.text);
    }
    end
}

fn edit_markup(end: usize, kind: Kind, rewrite: &mut Rewrite<'_>) -> usize {
    rewrite.skip_to(end);
    match kind {
        Kind::Hidden | Kind::Inline => {}
        Kind::Cell => rewrite.insert(" "),
        Kind::Line => rewrite.insert("\n"),
        Kind::Paragraph => rewrite.insert("\n\n"),
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> String {
        decode(raw).text
    }

    #[test]
    fn line_ends_become_line_feeds() {
        assert_eq!(text("a\r\nb\rc\nd\u{2028}e"), "a\nb\nc\nd\ne");
    }

    #[test]
    fn invisible_characters_go_and_joiners_stay() {
        assert_eq!(text("\u{feff}Zoë\0 👩‍🚀 in Zü\u{ad}rich"), "Zoë 👩‍🚀 in Zürich");
    }

    #[test]
    fn references_are_decoded_where_they_stand() {
        let decoded = decode("Zoë &amp; 👩‍🚀 in Z&uuml;rich");

        assert_eq!(decoded.text, "Zoë & 👩‍🚀 in Zürich");
        assert_eq!(decoded.map.raw_range(4..5), Some(4..9));
        assert_eq!(decoded.map.raw_range(13..19), Some(17..28));
        assert_eq!(decoded.map.raw_range(14..15), Some(18..24));
    }

    #[test]
    fn tags_go_and_blocks_begin_lines() {
        let decoded = text("<p>Zoë <em>flew</em></p><p>to Zürich<br>today</p><script>x</script>");

        assert_eq!(decoded, "\n\nZoë flew\n\n\n\nto Zürich\ntoday\n\n");
    }

    #[test]
    fn curly_quotes_and_unicode_forms_stay() {
        let raw = "“Zoe\u{308}’s” 東京 ½ ﬁ … \u{a0}—";

        assert_eq!(decode(raw), Mapped::whole(raw));
    }
}
