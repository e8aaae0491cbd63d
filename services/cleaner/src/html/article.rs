//! The article of a page, by readability.

use std::thread;

use dom_smoothie::{Config, Readability};

/// An article as readability cuts it out.
pub(super) struct Article {
    /// Its part of the page, as HTML.
    pub(super) content: String,
    pub(super) title: String,
}

/// Pages with more are read whole: a tree of them would take gigabytes.
const MAX_BYTES: usize = 4 << 20;
const MAX_ELEMENTS: usize = 100_000;

/// Deeper pages are read whole: readability takes time that grows with the depth of each element.
const MAX_DEPTH: usize = 500;

/// Room for the recursion into [`MAX_DEPTH`] levels.
const STACK_BYTES: usize = 16 << 20;

/// Cuts out the article, if there is one and the page is within bounds.
///
/// On a thread of its own, so that neither a deep page nor a bug of the parser's ends the process.
pub(super) fn extract(page: &str) -> Option<Article> {
    if page.len() > MAX_BYTES || !is_shallow(page) {
        return None;
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK_BYTES);
        let reader = builder.spawn_scoped(scope, || extract_here(page)).ok()?;
        reader.join().ok().flatten()
    })
}

fn extract_here(page: &str) -> Option<Article> {
    let config = Config {
        max_elements_to_parse: MAX_ELEMENTS,
        ..Config::default()
    };
    let article = Readability::new(page, None, Some(config))
        .ok()?
        .parse()
        .ok()?;
    Some(Article {
        content: article.content.to_string(),
        title: article.title,
    })
}

/// Whether the tags that are open at once stay within bounds. Void and self-closing elements,
/// and those that end where the next begins, do not nest.
fn is_shallow(page: &str) -> bool {
    let mut depth = 0_usize;
    for (at, _) in page.match_indices('<') {
        let rest = page.as_bytes().get(at + 1..).unwrap_or_default();
        match rest.first() {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(byte) if byte.is_ascii_alphabetic() && nests(rest) => depth += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

fn nests(tag: &[u8]) -> bool {
    const FLAT: [&[u8]; 18] = [
        b"area", b"base", b"br", b"col", b"dd", b"dt", b"embed", b"hr", b"img", b"input", b"li",
        b"link", b"meta", b"option", b"p", b"source", b"td", b"tr",
    ];
    let len = tag
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let name = tag.get(..len).unwrap_or_default().to_ascii_lowercase();
    !FLAT.contains(&name.as_slice())
}
