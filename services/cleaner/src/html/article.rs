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

/// Pages with a tag of more words are read whole: the parser compares each attribute with all.
const MAX_TAG_WORDS: usize = 2_000;

/// Deeper pages are read whole: readability takes time that grows with the depth of each element.
const MAX_DEPTH: usize = 500;

/// Room for the recursion into [`MAX_DEPTH`] levels.
const STACK_BYTES: usize = 16 << 20;

/// Cuts out the article, if there is one and the page is within bounds.
///
/// On a thread of its own, so that neither a deep page nor a bug of the parser's ends the process.
pub(super) fn extract(page: &str) -> Option<Article> {
    if page.len() > MAX_BYTES || !is_in_bounds(page) {
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

/// Whether the tags that are open at once and the attributes of each stay within bounds. Void
/// elements and those that end where the next begins do not nest; what scripts hold is no tag.
fn is_in_bounds(page: &str) -> bool {
    let mut depth = 0_usize;
    let mut rest = page;
    // Once one script has no end, no later one has: looking again for each would be quadratic.
    let mut scripts_end = true;
    while let Some((_, tag)) = rest.split_once('<') {
        rest = tag;
        match tag.as_bytes().first() {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(byte) if byte.is_ascii_alphabetic() => {
                depth += usize::from(nests(tag.as_bytes()));
                if depth > MAX_DEPTH || has_many_words(tag.as_bytes()) {
                    return false;
                }
                if scripts_end && let Some(script) = tag.strip_prefix("script") {
                    match script.split_once("</script") {
                        Some((_, end)) => {
                            depth = depth.saturating_sub(1);
                            rest = end;
                        }
                        None => scripts_end = false,
                    }
                }
            }
            _ => {}
        }
    }
    true
}

fn has_many_words(tag: &[u8]) -> bool {
    let inside = tag.iter().take_while(|byte| !matches!(byte, b'>' | b'<'));
    inside
        .filter(|byte| byte.is_ascii_whitespace())
        .nth(MAX_TAG_WORDS)
        .is_some()
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
