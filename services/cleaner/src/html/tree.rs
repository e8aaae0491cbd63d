//! A page as a tree within bounds, for readability.
//!
//! A page can be made to break a parser: tags that nest without an end, attributes that are each
//! compared with all, formats that are opened again in every block. How a page nests its parser alone
//! can tell, so the tree is watched while it grows.

use std::borrow::Cow;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

use dom_query::{Document, NodeId};
use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{Attribute, ParseOpts, QualName, parse_document};

/// Pages with more are read whole: a tree of them would take gigabytes.
pub(super) const MAX_ELEMENTS: usize = 100_000;

/// Deeper pages are read whole: parser and readability take time that grows with the depth of each
/// element.
pub(super) const MAX_DEPTH: usize = 500;

/// Attributes of one element, and of all: the parser compares each of one with all before it.
const MAX_ATTRIBUTES: usize = 2_000;
const MAX_ALL_ATTRIBUTES: usize = 4 * MAX_ELEMENTS;

/// Bytes that are parsed before it is asked whether anything has come of them.
const CHUNK: usize = 64 << 10;

/// Characters at which attributes may end, in chunks of which nothing has come: what goes on there
/// may be one tag.
const MAX_ENDS: usize = 40_000;

/// Readability compares each headline of the page with its title, in time that grows with both.
const MAX_TITLES: usize = 100_000_000;

/// Parses a page; none if its tree would grow beyond bounds.
pub(super) fn parse(page: &str) -> Option<Document> {
    let parsed = panic::catch_unwind(AssertUnwindSafe(|| parse_chunks(page)));
    let document = parsed.ok().flatten()?;
    is_flat(&document).then_some(document)
}

fn parse_chunks(page: &str) -> Option<Document> {
    let options = ParseOpts {
        tree_builder: TreeBuilderOpts {
            // So that what stands in `noscript` is read.
            scripting_enabled: false,
            ..TreeBuilderOpts::default()
        },
        ..ParseOpts::default()
    };
    let mut parser = parse_document(Watched::default(), options);
    let (mut rest, mut ends) = (page, 0);
    while !rest.is_empty() {
        let mut ends_of_chars = (CHUNK..rest.len()).filter(|&end| rest.is_char_boundary(end));
        let (chunk, behind) = rest.split_at(ends_of_chars.next().unwrap_or(rest.len()));
        rest = behind;
        let before = parser.tokenizer.sink.sink.calls.get();
        parser.process(chunk.into());
        ends = match parser.tokenizer.sink.sink.calls.get() == before {
            true => ends + chunk.matches(ends_attribute).count(),
            false => 0,
        };
        if ends > MAX_ENDS {
            return None;
        }
    }
    Some(parser.finish())
}

fn ends_attribute(char: char) -> bool {
    char.is_ascii_whitespace() || matches!(char, '/' | '"' | '\'')
}

/// Whether a tree that is complete suits readability: elements may have moved since they were made.
fn is_flat(document: &Document) -> bool {
    let root = document.root();
    let depths = root.descendants_it().map(|node| depth(document, &node.id));
    let headlines = document.select("h1, h2").length();
    let titles = document.select("title, meta, script[type=\"application/ld+json\"]");
    let longest = titles.nodes().iter().map(|title| title.html().len()).max();
    depths.max().unwrap_or_default() <= MAX_DEPTH
        && headlines * longest.unwrap_or_default() <= MAX_TITLES
}

/// How many nodes a node is in; more than the most are not told apart.
fn depth(document: &Document, node: &NodeId) -> usize {
    let ancestors = document.tree.ancestor_ids_of_it(node, Some(MAX_DEPTH + 1));
    ancestors.count()
}

/// A document that is given up, by unwinding, when it grows beyond its bounds.
#[derive(Default)]
struct Watched {
    document: Document,
    /// How often the parser had something to say.
    calls: Cell<usize>,
    elements: Cell<usize>,
    attributes: Cell<usize>,
    /// Those that were added to an element that was there.
    late_attributes: Cell<usize>,
    /// What stands in a template is no part of the tree around it.
    templates: Cell<usize>,
}

/// Gives up the page where there is too much of something.
fn check(count: usize, most: usize) {
    if count > most {
        // No panic: there is nothing wrong with the program, and nothing to print.
        panic::resume_unwind(Box::new("the page is too large"));
    }
}

impl Watched {
    fn note(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    /// Adds to what there is of something, of which there may be so much.
    fn count(of: &Cell<usize>, more: usize, most: usize) {
        of.set(of.get() + more);
        check(of.get(), most);
    }

    fn watch(&self, parent: &NodeId, child: &NodeOrText<NodeId>) {
        self.note();
        if matches!(child, NodeOrText::AppendNode(_)) {
            check(depth(&self.document, parent), MAX_DEPTH);
        }
    }
}

impl TreeSink for Watched {
    type Handle = NodeId;
    type Output = Document;
    type ElemName<'a> = <Document as TreeSink>::ElemName<'a>;

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        flags: ElementFlags,
    ) -> NodeId {
        self.note();
        Self::count(&self.elements, 1, MAX_ELEMENTS);
        check(attributes.len(), MAX_ATTRIBUTES);
        Self::count(&self.attributes, attributes.len(), MAX_ALL_ATTRIBUTES);
        Self::count(&self.templates, flags.template.into(), MAX_DEPTH);
        self.document.create_element(name, attributes, flags)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        self.watch(parent, &child);
        self.document.append(parent, child);
    }

    fn append_before_sibling(&self, sibling: &NodeId, child: NodeOrText<NodeId>) {
        self.watch(sibling, &child);
        self.document.append_before_sibling(sibling, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &NodeId,
        previous: &NodeId,
        child: NodeOrText<NodeId>,
    ) {
        self.watch(element, &child);
        self.watch(previous, &child);
        self.document
            .append_based_on_parent_node(element, previous, child);
    }

    fn add_attrs_if_missing(&self, target: &NodeId, attributes: Vec<Attribute>) {
        self.note();
        Self::count(&self.late_attributes, attributes.len(), MAX_ATTRIBUTES);
        self.document.add_attrs_if_missing(target, attributes);
    }

    fn create_comment(&self, text: StrTendril) -> NodeId {
        self.note();
        self.document.create_comment(text)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeId {
        self.document.create_pi(target, data)
    }

    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        self.document
            .append_doctype_to_document(name, public, system);
    }

    fn remove_from_parent(&self, target: &NodeId) {
        self.document.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &NodeId, parent: &NodeId) {
        self.document.reparent_children(node, parent);
    }

    fn is_mathml_annotation_xml_integration_point(&self, handle: &NodeId) -> bool {
        self.document
            .is_mathml_annotation_xml_integration_point(handle)
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Self::ElemName<'a> {
        self.document.elem_name(target)
    }

    fn get_document(&self) -> NodeId {
        self.document.get_document()
    }

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        self.document.get_template_contents(target)
    }

    fn same_node(&self, one: &NodeId, other: &NodeId) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.document.set_quirks_mode(mode);
    }

    /// Pages are full of errors, and nobody asks for them.
    fn parse_error(&self, _: Cow<'static, str>) {}

    fn finish(self) -> Document {
        self.document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether so many of the unit in a row are parsed.
    fn takes(unit: &str, times: usize) -> bool {
        parse(&unit.repeat(times)).is_some()
    }

    #[test]
    fn what_pages_are_made_of_is_parsed() {
        for unit in [
            "<div class='a>b'><p>Zoë<p>in <b>Zürich</b><br></div>",
            "<ul><li><a href=x>Zoë</a><li>👩‍🚀</ul>",
            "<table><tr><td>a<tr><td>b</table>",
            "<script>if (a<b) { w('<div>') }</script><style>p>a{}</style>",
            "<!-- <div> --><!--[if IE]><div><![endif]--><noscript><img></noscript>",
            "<svg viewBox='0'><title>Zoë</title><g><path d=''/><a><use/></a></g></svg>",
            "<svg><style><![CDATA[ a>b ]]></style><desc><p>c</p></desc></svg>",
            "<math><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><mn>2</mn></mfrac></math>",
            "<select><option>a<option>b</select><textarea><div></textarea>",
        ] {
            assert!(takes(unit, 2_000), "{unit}");
        }
    }

    #[test]
    fn what_nests_without_an_end_is_refused() {
        for unit in [
            "<div>",
            "<div></z>",
            "<div a='</div>'>",
            "<!--><div>-->",
            "<div><object></div>",
            "<x><div></x>",
            "<b a=1><object></b></object>",
            "<script></SCRIPT><div>",
            "<div><style><!--</style><div>--></div>",
            "<li><dd>",
            "<span><p></span></p>",
            "<form><span></form>",
            "<svg><font><td>",
            "<svg><mi><a>",
            "<template>",
        ] {
            assert!(!takes(unit, 2_000), "{unit}");
        }
        // Where a drawing has ended, its elements do not close themselves.
        for ended in ["<div><svg></div>", "<svg><p>"] {
            assert!(parse(&format!("{ended}{}", "<path/>".repeat(2_000))).is_none());
        }
    }

    #[test]
    fn formats_that_are_opened_again_in_each_block_count() {
        let hidden: String = (0..1_500)
            .map(|i| format!("<b a={i}><object></b></object>"))
            .collect();
        let page = format!("<div>{hidden}</div>{}", "<p>Zoë".repeat(12_000));

        assert!(parse(&page).is_none());
    }

    #[test]
    fn attributes_have_their_bounds() {
        let attributes =
            |count: usize| -> String { (0..count).map(|i| format!(" a{i}=1")).collect() };

        assert!(parse(&format!("<p{}>Zoë", attributes(1_000))).is_some());
        assert!(parse(&format!("<p a=\">\"{}>Zoë", attributes(3_000))).is_none());
        assert!(parse(&format!("<p{}", attributes(300_000))).is_none());
        let body = |i: usize| format!("<body {}>", attributes(500).replace('a', &format!("b{i}")));
        assert!(parse(&(0..10).map(body).collect::<String>()).is_none());
        let again = format!("<p><b{}>x{}", attributes(1_500), "<p>x".repeat(1_000));
        assert!(parse(&again).is_none());
    }

    #[test]
    fn long_titles_suit_few_headlines() {
        let page = |headlines: usize| {
            let title = "Zoë ".repeat(200_000);
            format!("<title>{title}</title>{}", "<h2>a</h2>".repeat(headlines))
        };

        assert!(parse(&page(10)).is_some());
        assert!(parse(&page(1_000)).is_none());
    }
}
