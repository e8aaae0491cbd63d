//! The article of a page, by readability.

use std::thread;

use dom_smoothie::{Config, Readability};

use super::tree;

/// An article as readability cuts it out.
pub(super) struct Article {
    /// Its part of the page, as HTML.
    pub(super) content: String,
    pub(super) title: String,
}

/// Pages with more are read whole: a tree of them would take gigabytes.
const MAX_BYTES: usize = 4 << 20;

/// Room for the recursion into [`tree::MAX_DEPTH`] levels.
const STACK_BYTES: usize = 16 << 20;

/// Cuts out the article, if there is one and the page is within bounds.
///
/// On a thread of its own, so that neither a deep page nor a bug of the parser's ends the process.
pub(super) fn extract(page: &str) -> Option<Article> {
    if page.len() > MAX_BYTES {
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
        max_elements_to_parse: tree::MAX_ELEMENTS,
        ..Config::default()
    };
    let article = Readability::with_document(tree::parse(page)?, None, Some(config))
        .ok()?
        .parse()
        .ok()?;
    Some(Article {
        content: article.content.to_string(),
        title: article.title,
    })
}
