//! Whether a page can be parsed: one that is made to break the parser takes hours or gigabytes.
//!
//! Tags are read as the HTML standard's tokenizer does (13.2.5). What only the builder of the tree
//! can know is taken for the worse: an end tag counts where it surely closes something.

use crate::markup::{Kind, kind_of};

/// Pages with more are read whole: a tree of them would take gigabytes.
pub(super) const MAX_ELEMENTS: usize = 100_000;

/// The same with the elements that the parser adds, one for each open format in each block.
const MAX_NODES: usize = 4 * MAX_ELEMENTS;

/// Deeper pages are read whole: readability takes time that grows with the depth of each element.
pub(super) const MAX_DEPTH: usize = 500;

/// Pages with a tag of more are read whole: the parser compares each attribute with all.
const MAX_ATTRIBUTES: usize = 2_000;

/// Void elements, and those that end where the next of them begins.
const FLAT: &str = "area base basefont bgsound body br caption col colgroup dd dt embed head hr \
    html img input li link meta option p param source tbody td tfoot th thead tr track wbr";

/// What the parser opens again in each block that follows, until it is closed.
const FORMATS: &str = "a b big code em font i nobr s small strike strong tt u";

/// Elements whose content is no markup.
const RAW: &str = "iframe noembed noframes script style textarea title xmp";

/// What ends a drawing or formula by beginning (13.2.6.5).
const BREAKS_OUT: &str = "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 \
    h5 h6 head hr i img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup \
    table tt u ul";

/// What may hold elements of HTML within a drawing or formula; a `font` may break out.
const HOLDS_HTML: &str = "annotation-xml desc font foreignobject mi mn mo ms mtext title var";

/// Whether the parser takes the page in time and memory that grow with its length alone.
pub(super) fn are_kept(page: &str) -> bool {
    let mut open = Open::default();
    let mut nodes = 0;
    let mut rest = page;
    while let Some((_, inside)) = rest.split_once('<') {
        rest = match Markup::read(inside) {
            Some(Markup::Text) => inside,
            Some(Markup::Comment { len }) => inside.get(len..).unwrap_or_default(),
            Some(Markup::Data) => match open.behind_data(inside) {
                Some(behind) => behind,
                None => return false,
            },
            Some(Markup::Tag(tag)) => {
                nodes += 1 + open.formats.len();
                let after = inside.get(tag.len..).unwrap_or_default();
                let behind = match tag.closing {
                    true => {
                        open.end(&tag.name);
                        Some(after)
                    }
                    false => open.start(&tag, after),
                };
                let is_kept = tag.attributes <= MAX_ATTRIBUTES
                    && nodes <= MAX_NODES
                    && open.depth() <= MAX_DEPTH;
                match behind {
                    Some(behind) if is_kept => behind,
                    _ => return false,
                }
            }
            // What never ends is dropped.
            None => return true,
        };
    }
    true
}

/// A piece of markup, from behind its `<`.
enum Markup {
    Tag(Tag),
    /// A comment or declaration.
    Comment {
        len: usize,
    },
    /// `<![CDATA[`.
    Data,
    Text,
}

impl Markup {
    /// None: it does not end.
    fn read(inside: &str) -> Option<Self> {
        let is_name = |name: &str| name.starts_with(|char: char| char.is_ascii_alphabetic());
        if let Some(comment) = inside.strip_prefix("!--") {
            return Some(Self::Comment {
                len: "!--".len() + end_of_comment(comment)?,
            });
        }
        if inside.starts_with("![CDATA[") {
            return Some(Self::Data);
        }
        if let Some(name) = inside.strip_prefix('/')
            && is_name(name)
        {
            return Some(Self::Tag(Tag::read(inside, true)?));
        }
        if is_name(inside) {
            return Some(Self::Tag(Tag::read(inside, false)?));
        }
        if inside.starts_with(['!', '?', '/']) {
            return Some(Self::Comment {
                len: inside.find('>')? + 1,
            });
        }
        Some(Self::Text)
    }
}

/// The length of a comment from behind its `<!--`.
fn end_of_comment(comment: &str) -> Option<usize> {
    let ends = |at: usize| {
        let inside = comment.get(..at).unwrap_or_default();
        matches!(inside, "" | "-") || inside.ends_with("--") || inside.ends_with("--!")
    };
    let mut ends = comment.match_indices('>').filter(|(at, _)| ends(*at));
    ends.next().map(|(at, _)| at + 1)
}

/// A tag, as far as bounds need it.
struct Tag {
    /// In lower case.
    name: String,
    closing: bool,
    /// How many.
    attributes: usize,
    /// Whether it ends in `/>`.
    closes_itself: bool,
    /// From behind the `<`.
    len: usize,
}

/// Where in a tag the next character stands.
#[derive(Clone, Copy)]
enum Place {
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted(u8),
}

impl Tag {
    fn read(inside: &str, closing: bool) -> Option<Self> {
        use Place::{AfterName, BeforeName, BeforeValue, Name, Quoted, Value};

        let bytes = inside.as_bytes();
        let start = usize::from(closing);
        let ends_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
        let name_end = start + bytes.get(start..)?.iter().position(ends_name)?;
        let (mut place, mut attributes) = (BeforeName, 0);
        for (at, &byte) in bytes.iter().enumerate().skip(name_end) {
            place = match (place, byte) {
                (Quoted(quote), _) if byte == quote => BeforeName,
                (Quoted(_), _) => place,
                (_, b'>') => {
                    return Some(Self {
                        name: inside.get(start..name_end)?.to_ascii_lowercase(),
                        closing,
                        attributes,
                        closes_itself: matches!(place, BeforeName) && bytes[at - 1] == b'/',
                        len: at + 1,
                    });
                }
                (Name | AfterName, b'=') => BeforeValue,
                (BeforeName | Name | AfterName, b'/') => BeforeName,
                (BeforeValue, b'"' | b'\'') => Quoted(byte),
                (Name | AfterName, _) if byte.is_ascii_whitespace() => AfterName,
                (BeforeName | BeforeValue, _) if byte.is_ascii_whitespace() => place,
                (Value, _) if byte.is_ascii_whitespace() => BeforeName,
                (BeforeValue | Value, _) => Value,
                (Name, _) => Name,
                (BeforeName | AfterName, _) => {
                    attributes += 1;
                    Name
                }
            };
        }
        None
    }
}

/// What is open at once.
#[derive(Default)]
struct Open {
    /// Elements that are no formats, by name, and whether an end tag from outside closes them.
    elements: Vec<(String, bool)>,
    formats: Vec<String>,
    /// Where a drawing or formula begins that nothing of HTML has ended.
    foreign: Option<usize>,
}

impl Open {
    fn depth(&self) -> usize {
        self.elements.len() + self.formats.len()
    }

    /// Whether a drawing or formula may be open.
    fn has_foreign(&self) -> bool {
        self.elements.iter().any(|(name, _)| is_foreign(name))
    }

    /// Opens an element; what stands behind it, or behind its content where that is no markup. None:
    /// nobody can tell where that ends.
    fn start<'p>(&mut self, tag: &Tag, after: &'p str) -> Option<&'p str> {
        let name = tag.name.as_str();
        if name == "frameset" || name == "plaintext" {
            return None;
        }
        if let Some(first) = self.foreign {
            if is_one_of(BREAKS_OUT, name) {
                self.elements.truncate(first);
                self.foreign = None;
            } else {
                return Some(self.start_foreign(tag, after));
            }
        }
        if is_one_of(RAW, name) {
            return match self.takes_raw(name) || is_text_alone(after, name) {
                true => behind_raw(after, name),
                false => None,
            };
        }
        if is_one_of(FORMATS, name) {
            // A link ends the one before it.
            if name != "a" || !self.formats.iter().any(|open| open == name) {
                self.formats.push(tag.name.clone());
            }
        } else if !is_one_of(FLAT, name) {
            if is_foreign(name) {
                self.foreign = Some(self.elements.len());
            }
            let is_inline = kind_of(name) == Some(Kind::Inline);
            self.elements.push((tag.name.clone(), is_inline));
        }
        Some(after)
    }

    /// What stands behind `<![CDATA[`, which is a comment in HTML. None: nobody can tell whether it is.
    fn behind_data<'p>(&self, inside: &'p str) -> Option<&'p str> {
        let end = match (self.foreign, self.has_foreign()) {
            (Some(_), _) => "]]>",
            (None, false) => ">",
            (None, true) => return None,
        };
        Some(inside.split_once(end).map_or("", |(_, behind)| behind))
    }

    /// Opens an element of a drawing or formula, where it may close itself.
    fn start_foreign<'p>(&mut self, tag: &Tag, after: &'p str) -> &'p str {
        if is_one_of(HOLDS_HTML, &tag.name) {
            if is_text_alone(after, &tag.name) {
                return after;
            }
            self.foreign = None;
        } else if tag.closes_itself {
            return after;
        }
        self.elements.push((tag.name.clone(), false));
        after
    }

    /// Whether the content of such an element is surely no markup.
    fn takes_raw(&self, name: &str) -> bool {
        let is_select = |(open, _): &(String, bool)| open == "select";
        let takes_scripts_alone = self.elements.iter().any(is_select);
        !self.has_foreign() && (name == "script" || !takes_scripts_alone)
    }

    /// Closes what an end tag surely closes.
    fn end(&mut self, name: &str) {
        if let Some(first) = self.foreign {
            let inner = self.elements.get(first..).unwrap_or_default();
            match inner.iter().rposition(|(open, _)| open == name) {
                Some(at) => {
                    self.elements.truncate(first + at);
                    self.foreign = self.foreign.filter(|_| at > 0);
                }
                None if matches!(name, "p" | "br") => self.foreign = None,
                None => {}
            }
            return;
        }
        if let Some(at) = self.formats.iter().rposition(|open| open == name) {
            self.formats.remove(at);
            return;
        }
        let mut outer = self.elements.iter().enumerate().rev();
        let closed = outer.find(|(_, (open, is_inline))| open == name || !is_inline);
        if let Some((at, (open, _))) = closed
            && open == name
        {
            self.elements.truncate(at);
        }
    }
}

fn is_one_of(names: &str, name: &str) -> bool {
    names.split(' ').any(|one| one == name)
}

fn is_foreign(name: &str) -> bool {
    matches!(name, "svg" | "math")
}

/// Whether an element's end is the next markup.
fn is_text_alone(after: &str, name: &str) -> bool {
    let next = after.split_once('<').map_or("", |(_, next)| next);
    next.strip_prefix('/').is_some_and(|end| is_name(end, name))
}

/// Whether a tag's name, at the start of `tag`, is this one.
fn is_name(tag: &str, name: &str) -> bool {
    let (start, next) = tag.split_at_checked(name.len()).unwrap_or_default();
    let is_over = next.starts_with([' ', '\t', '\n', '\x0c', '\r', '/', '>']);
    start.eq_ignore_ascii_case(name) && is_over
}

/// What stands behind the content of an element that has text alone; its end tag is the first.
/// None: a script that may hold a script.
fn behind_raw<'p>(content: &'p str, name: &str) -> Option<&'p str> {
    let ends = |tag: &str| is_name(tag, name);
    let mut tags = content.match_indices("</");
    let Some((len, _)) = tags.find(|(at, _)| content.get(at + 2..).is_some_and(ends)) else {
        return Some("");
    };
    let (inside, behind) = content.split_at_checked(len)?;
    let mut comments = inside.split("<!--").skip(1);
    let holds_script = comments.any(|comment| {
        let comment = comment
            .split_once("-->")
            .map_or(comment, |(comment, _)| comment);
        let mut tags = comment.match_indices('<');
        tags.any(|(at, _)| {
            comment
                .get(at + 1..)
                .is_some_and(|tag| is_name(tag, "script"))
        })
    });
    (name != "script" || !holds_script).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_end_where_the_parser_ends_them() {
        for (tag, attributes, closes_itself) in [
            ("p>", 0, false),
            ("br/>", 0, true),
            ("a href=\"/a>b\" b>", 2, false),
            ("a b=c/>", 1, false),
            ("a b = 'c>' / d>", 2, false),
            ("a =\">", 1, false),
            ("a b==\">", 1, false),
            ("a b<c\nd>", 2, false),
        ] {
            let read = Tag::read(&format!("{tag} Zoë > 👩‍🚀"), false).unwrap();

            assert_eq!(
                (read.len, read.attributes, read.closes_itself),
                (tag.len(), attributes, closes_itself),
                "{tag}"
            );
        }
        assert!(Tag::read("a b=\"Zoë>", false).is_none());
    }

    /// Whether so many of the unit in a row are kept.
    fn keeps(unit: &str, times: usize) -> bool {
        are_kept(&unit.repeat(times))
    }

    #[test]
    fn what_pages_are_made_of_is_kept() {
        for unit in [
            "<div class='a>b'><p>Zoë<p>in <b>Zürich</b><br></div>",
            "<ul><li><a href=x>Zoë</a><li>👩‍🚀</ul>",
            "<table><tr><td>a<tr><td>b</table>",
            "<script>if (a<b) { w('<div>') }</script><style>p>a{}</style>",
            "<!-- <div> --><!--[if IE]><div><![endif]--><noscript><img></noscript>",
            "<svg viewBox='0'><title>Zoë</title><g><path d=''/><a><use/></a></g></svg>",
            "<svg><svg><circle/></svg><path/><style><![CDATA[ a>b ]]></style><rect></rect></svg>",
            "<svg><path/><p>a</p></svg><svg><desc><p>b</p></desc><title>c</title></svg>",
            "<script><!-- <b></script><script>\"<!-- a --> <script>\"</script>",
            "<math><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><mn>2</mn></mfrac></math>",
            "<span><div>a</div></span><section><span>b</section>",
            "<select><option>a<option>b</select><textarea><div></textarea>",
        ] {
            assert!(keeps(unit, 2_000), "{unit}");
        }
    }

    #[test]
    fn what_hides_depth_is_not_kept() {
        for unit in [
            "<div>",
            "<div></z>",
            "<div></span>",
            "<div a='</div>'>",
            "<div><!-- </div> -->",
            "<!--><div>-->",
            "<!-- --!><div>-->",
            "<!---><div>-->",
            "<div><!-- - ></div>-->",
            "<div><object></div>",
            "<x><div></x>",
            "<b a=1>",
            "<div><script></scriptx></div></script>",
            "<script></SCRIPT><div>",
            "<div><style><!--</style><div>--></div>",
            "<svg><p><path/>",
            "<svg><desc><p><x/></desc></svg>",
            "<svg><foreignObject><x/></foreignObject></svg><svg><div></svg>",
            "<br<x>",
        ] {
            assert!(!keeps(unit, 2_000), "{unit}");
        }
    }

    #[test]
    fn formats_that_are_opened_again_in_each_block_count() {
        let formats: String = (0..400).map(|i| format!("<b a={i}>")).collect();

        assert!(are_kept(&format!("{formats}{}", "<p>Zoë".repeat(500))));
        assert!(!are_kept(&format!("{formats}{}", "<p>Zoë".repeat(2_000))));
    }

    #[test]
    fn one_tag_has_so_many_attributes() {
        assert!(keeps("<p a=1 b>", 2_000));
        assert!(!are_kept(&format!("<p a=\">\" {}>", "b=1 ".repeat(2_001))));
    }

    #[test]
    fn nobody_knows_where_some_content_ends() {
        for page in [
            "<script><!-- <script></script> --></script>",
            "<svg><desc><p><style><b></style>",
            "<svg><desc><p><![CDATA[ > ]]></svg>",
            "<frameset>",
            "<plaintext>",
        ] {
            assert!(!are_kept(page), "{page}");
        }
    }
}
