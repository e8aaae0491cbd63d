//! Tags and comments of HTML, read one by one without building a tree.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A piece of markup at the start of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Markup {
    /// How many bytes it takes; for [`Kind::Hidden`] with all that it hides.
    pub(crate) len: usize,
    pub(crate) kind: Kind,
}

/// What a piece of markup does to the text around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A comment, or an element whose content nobody sees.
    Hidden,
    /// It stands inside a line.
    Inline,
    /// It puts a cell apart from the next.
    Cell,
    /// It begins a new line.
    Line,
    /// It begins a new paragraph.
    Paragraph,
}

/// What the elements of HTML do; others stand inside a line.
const ELEMENTS: [(Kind, &str); 5] = [
    (
        Kind::Hidden,
        "canvas datalist iframe math noscript object script select style svg template textarea \
         title",
    ),
    (
        Kind::Inline,
        "a abbr acronym amp-img b bdi bdo big cite code data del dfn em font i img input ins kbd \
         label mark picture q s samp small source span strike strong sub sup time u wbr",
    ),
    (Kind::Cell, "td th"),
    (Kind::Line, "br dd dt figcaption li option summary tr"),
    (
        Kind::Paragraph,
        "address article aside blockquote body button center details dialog div dl fieldset figure \
         footer form h1 h2 h3 h4 h5 h6 head header hr html legend main menu nav ol p pre section \
         table tbody tfoot thead ul",
    ),
];

static KINDS: LazyLock<HashMap<&str, Kind>> = LazyLock::new(|| {
    let rows = ELEMENTS.into_iter();
    rows.flat_map(|(kind, names)| names.split(' ').map(move |name| (name, kind)))
        .collect()
});

/// Elements that stand alone, so that one tag is no remark about the tag.
const SINGLES: [&str; 7] = ["br", "hr", "img", "input", "li", "p", "wbr"];

/// Reads markup out of one text, from start to end, in time that grows with the text alone.
pub(crate) struct Reader<'a> {
    text: &'a str,
    is_page: bool,
    /// Names that are not closed in the rest of the text: looked for once.
    unclosed: Vec<String>,
    /// Names, and whether elements of the name are opened and closed: looked for once.
    pairs: Vec<(String, bool)>,
    /// Bytes that were looked through for the end of what is no tag.
    in_vain: usize,
}

/// How much is looked through in vain, in lengths of the text, before tags are taken to be short.
const PATIENCE: usize = 4;
const SHORT: usize = 256;

impl<'a> Reader<'a> {
    /// Reads a page as a browser does.
    pub(crate) fn of_page(text: &'a str) -> Self {
        Self::new(text, true)
    }

    /// Reads markup only where it cannot be prose ("removed the <form> tag"): the element is
    /// known, opened and closed, and has no attributes or some with values.
    pub(crate) fn of_prose(text: &'a str) -> Self {
        Self::new(text, false)
    }

    fn new(text: &'a str, is_page: bool) -> Self {
        Self {
            text,
            is_page,
            unclosed: Vec::new(),
            pairs: Vec::new(),
            in_vain: 0,
        }
    }

    /// The markup at a byte offset, if any begins there.
    pub(crate) fn read_at(&mut self, at: usize) -> Option<Markup> {
        let text = self.text.get(at..).filter(|text| text.starts_with('<'))?;
        let short = (0..=SHORT).rev().find(|&end| text.is_char_boundary(end));
        let near = match self.in_vain < PATIENCE * self.text.len() {
            true => text,
            false => text.get(..short?)?,
        };
        let tag = Tag::read(near, &mut self.in_vain)?;
        let markup = self.markup(at, text, &tag);
        if markup.is_none() {
            self.in_vain += tag.len;
        }
        markup
    }

    /// What a tag does, and to how much of the text from it on.
    fn markup(&mut self, at: usize, text: &str, tag: &Tag<'_>) -> Option<Markup> {
        let kind = match tag.kind() {
            Some(kind) => kind,
            None if self.is_page => Kind::Inline,
            None => return None,
        };
        let is_markup = self.is_page
            || (tag.looks_written_for_machines() && self.is_paired(tag) && !self.is_word(at, tag));
        if !is_markup {
            return None;
        }
        if kind != Kind::Hidden || tag.attributes.ends_with('/') {
            return Some(Markup { len: tag.len, kind });
        }
        let len = match self.end_of_hidden(text, &tag.name) {
            Some(len) => len,
            None if self.is_page => text.len(),
            None => return None,
        };
        Some(Markup { len, kind })
    }

    /// Whether a tag stands among words as one of them ("an <input> element").
    fn is_word(&self, at: usize, tag: &Tag<'_>) -> bool {
        let before = self
            .text
            .get(..at)
            .and_then(|before| before.chars().next_back());
        let after = self
            .text
            .get(at + tag.len..)
            .and_then(|after| after.chars().next());
        let is_apart = |char: Option<char>| char.is_some_and(|char| matches!(char, ' ' | '\u{a0}'));
        let is_in_a_list = tag.kind() == Some(Kind::Hidden)
            && before.is_some_and(|char| matches!(char, ' ' | '\u{a0}' | '(' | '“' | '‘'))
            && after
                .is_some_and(|char| matches!(char, ' ' | '\u{a0}' | ',' | ')' | '”' | '’' | '?'));
        let is_among_words = is_apart(before) && is_apart(after);
        !SINGLES.contains(&tag.name.as_str()) && (is_among_words || is_in_a_list)
    }

    fn is_paired(&mut self, tag: &Tag<'_>) -> bool {
        let name = tag.name.as_str();
        if name == COMMENT || SINGLES.contains(&name) || tag.attributes.ends_with('/') {
            return true;
        }
        if let Some((_, paired)) = self.pairs.iter().find(|(known, _)| known == name) {
            return *paired;
        }
        let has = |start: String| {
            self.text.contains(&start) || self.text.contains(&start.to_ascii_uppercase())
        };
        let paired = has(format!("<{name}")) && has(format!("</{name}"));
        self.pairs.push((name.to_owned(), paired));
        paired
    }

    fn end_of_hidden(&mut self, text: &str, name: &str) -> Option<usize> {
        if self.unclosed.iter().any(|unclosed| unclosed == name) {
            return None;
        }
        let end = match name {
            COMMENT => end_of_comment(text),
            _ => end_of_element(text, name),
        };
        if end.is_none() {
            self.unclosed.push(name.to_owned());
        }
        end
    }
}

/// The name that stands for comments and declarations.
const COMMENT: &str = "!";

/// A tag or a comment, with its lower-case name.
struct Tag<'a> {
    name: String,
    attributes: &'a str,
    closing: bool,
    len: usize,
}

impl<'a> Tag<'a> {
    /// Adds to `in_vain` the bytes that were looked through for an end that is not there.
    fn read(text: &'a str, in_vain: &mut usize) -> Option<Self> {
        let inside = text.strip_prefix('<')?;
        if inside.starts_with(['!', '?']) {
            return Some(Self {
                name: COMMENT.to_owned(),
                attributes: "",
                closing: false,
                len: 2,
            });
        }
        let (closing, inside) = match inside.strip_prefix('/') {
            Some(inside) => (true, inside),
            None => (false, inside),
        };
        if !inside.starts_with(|char: char| char.is_ascii_alphabetic()) {
            return None;
        }
        let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | ':');
        let name_len = inside.find(|char| !is_name(char))?;
        let (name, rest) = inside.split_at_checked(name_len)?;
        let end = end_of_tag(rest).inspect_err(|seen| *in_vain += seen).ok()?;
        let len = text.len() - rest.len() + end + 1;
        Some(Self {
            name: name.to_ascii_lowercase(),
            attributes: rest.get(..end)?,
            closing,
            len,
        })
    }

    fn kind(&self) -> Option<Kind> {
        if self.name == COMMENT {
            return Some(Kind::Hidden);
        }
        match KINDS.get(self.name.as_str())? {
            // What it closes was not there, or it would have gone with it.
            Kind::Hidden if self.closing => Some(Kind::Inline),
            kind => Some(*kind),
        }
    }

    fn looks_written_for_machines(&self) -> bool {
        let attributes = self.attributes.trim_end_matches('/').trim();
        attributes.is_empty() || (attributes.contains('=') && !self.closing)
    }
}

/// The place of the `>` that ends a tag; a `>` in a quoted value does not, a `<` says it is none.
/// Where there is none, how many bytes were looked through.
fn end_of_tag(rest: &str) -> Result<usize, usize> {
    let bytes = rest.as_bytes();
    let mut before = b' ';
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'>' => return Ok(at),
            b'<' => return Err(at),
            b'"' | b'\'' if before == b'=' => {
                let value = &bytes[at + 1..];
                let end = value.iter().position(|&inner| inner == byte);
                at += 1 + end.ok_or(bytes.len())?;
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        at += 1;
    }
    Err(bytes.len())
}

/// The length of a comment (`<!-- -->`), a declaration or an instruction (`<!x>`, `<?x>`).
fn end_of_comment(text: &str) -> Option<usize> {
    match text.strip_prefix("<!--") {
        Some(inside) => inside.find("-->").map(|at| at + "<!---->".len()),
        None => text.find('>').map(|at| at + 1),
    }
}

/// The length of an element with its content.
fn end_of_element(text: &str, name: &str) -> Option<usize> {
    let mut from = 1;
    loop {
        let start = from + text.get(from..)?.find("</")? + 2;
        let found = text.get(start..start + name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return Some(start + text.get(start..)?.find('>')? + 1);
        }
        from = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prose(text: &str) -> Option<(usize, Kind)> {
        Reader::of_prose(text)
            .read_at(0)
            .map(|markup| (markup.len, markup.kind))
    }

    #[test]
    fn known_tags_are_read_in_prose() {
        assert_eq!(prose("<b>Zoë</b>"), Some((3, Kind::Inline)));
        assert_eq!(prose("</p> 👩‍🚀"), Some((4, Kind::Paragraph)));
        assert_eq!(prose("<BR/>"), Some((5, Kind::Line)));
        assert_eq!(
            prose("<a href=\"/a>b\">Zürich</a>"),
            Some((15, Kind::Inline))
        );
    }

    #[test]
    fn prose_is_not_read_as_tags() {
        for text in [
            "<zoe@example.org>",
            "<redacted>",
            "< 5 %",
            "<b and c>",
            "<3",
            "<i",
            "<",
        ] {
            assert_eq!(prose(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_among_words_is_one() {
        let text = "<p>An <form> element and </form> its end</p>";
        let mut reader = Reader::of_prose(text);

        assert_eq!(reader.read_at(6), None);
        assert!(reader.read_at(0).is_some());

        let text = "It strips <script>, <style> and (<iframe>). Zoë 👩‍🚀 saw </script>.";
        let mut reader = Reader::of_prose(text);
        assert_eq!(
            text.find("<script>").and_then(|at| reader.read_at(at)),
            None
        );
    }

    #[test]
    fn hidden_elements_go_with_their_content() {
        assert_eq!(
            prose("<script>if (a<b) {}</script>x"),
            Some((28, Kind::Hidden))
        );
        assert_eq!(prose("<STYLE>p{}</style >x"), Some((19, Kind::Hidden)));
        assert_eq!(prose("<!-- Zoë -->x"), Some((13, Kind::Hidden)));
    }

    #[test]
    fn prose_about_tags_is_not_markup() {
        for text in [
            "<script> tags were injected",
            "<canvas> is an element",
            "<!-- an arrow",
        ] {
            assert_eq!(prose(text), None);
        }
    }

    #[test]
    fn pages_may_have_unknown_tags() {
        let markup = Reader::of_page("<x-player kind='a>b'>x")
            .read_at(0)
            .unwrap();

        assert_eq!((markup.len, markup.kind), (21, Kind::Inline));
    }
}
