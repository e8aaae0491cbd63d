//! Web pages: the article in them, with its places in the page.

mod align;
mod article;
mod prose;
mod tree;
mod visible;

use std::collections::HashSet;

use crate::mapped::Mapped;

/// What a page holds.
pub(crate) struct Page {
    /// The article's paragraphs; without one the page's prose, or all that a reader would see.
    pub(crate) body: Mapped,
    pub(crate) title: Option<String>,
    /// Whether an article was found.
    pub(crate) is_article: bool,
}

/// Finds the article in a page.
pub(crate) fn read(page: &str) -> Page {
    let visible = visible::render(page);
    let article = article::extract(page);
    let title = article
        .as_ref()
        .map(|article| article.title.as_str())
        .or(visible::title(page));
    let title = title.map(|title| without_site(&crate::clean_title(title).0, &visible.text));
    let title = title.filter(|title| !title.is_empty());
    let article = article.map(|article| visible::render(&article.content).text);
    let article = article.filter(|article| article.contains(char::is_alphanumeric));
    let Some(article) = article else {
        return Page {
            body: visible,
            title,
            is_article: false,
        };
    };
    match prose::missed_by(&article, &visible.text) {
        Some(prose) => Page {
            body: align::align(&prose, &visible),
            title,
            is_article: false,
        },
        None => Page {
            body: align::align(&article, &visible),
            title,
            is_article: true,
        },
    }
}

/// Longer titles are no headlines.
const MAX_TITLE: usize = 1000;

/// Cuts the site's name from a title ("Headline | Site") where what is left stands on the page.
fn without_site(title: &str, visible: &str) -> String {
    if title.len() > MAX_TITLE {
        return title.to_owned();
    }
    let is_separator = |char| matches!(char, '|' | '-' | '–' | '—' | '·' | '»' | ':');
    let ends = title.match_indices(is_separator).map(|(at, _)| at).rev();
    let heads = ends.filter_map(|end| title.get(..end)).map(str::trim_end);
    let mut long_heads = heads.filter(|head| head.len() * 3 > title.len()).peekable();
    if long_heads.peek().is_none() {
        return title.to_owned();
    }
    let lines = visible.lines().map(str::trim);
    let lines: HashSet<&str> = lines.filter(|line| line.len() < title.len()).collect();
    let head = long_heads.find(|head| lines.contains(head));
    head.unwrap_or(title).to_owned()
}

/// Whether a plain text is a whole page after all.
pub(crate) fn is_page(text: &str) -> bool {
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let starts_with = |tag: &str| {
        start
            .get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    };
    starts_with("<!doctype html") || starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(paragraphs: &str) -> String {
        format!(
            "<!DOCTYPE html><html><head><title>Zoë flies &amp; lands | Courier</title></head><body>\
             <nav><a href='/'>Home</a> <a href='/n'>News</a></nav><article><h1>Zoë flies &amp; \
             lands</h1>{paragraphs}</article><footer>© Courier</footer></body></html>"
        )
    }

    fn long() -> String {
        let paragraph = "Zoë 👩‍🚀 Keller &amp; her crew, of <b>Zürich</b>, flew to the station on \
                         Monday, said the agency, and they docked there at noon, as planned.";
        format!("<p>{paragraph}</p><p>First, {paragraph}</p><p>Then, {paragraph}</p>")
    }

    #[test]
    fn the_article_is_found_and_its_places_are_true() {
        let raw = page(&long());
        let raw_chars: Vec<char> = raw.chars().collect();
        let read = read(&raw);

        assert!(read.is_article);
        assert_eq!(read.title.as_deref(), Some("Zoë flies & lands"));
        assert!(!read.body.text.contains("Home") && !read.body.text.contains("©"));
        let at = read.body.text.find("Then, Zoë 👩‍🚀").unwrap();
        let start = read.body.text.get(..at).unwrap().chars().count();
        let raw_range = read.body.map.raw_range(start..start + 13).unwrap();
        assert_eq!(
            raw_chars[raw_range].iter().collect::<String>(),
            "Then, Zoë 👩‍🚀"
        );
    }

    #[test]
    fn a_page_without_an_article_is_read_whole() {
        let read = read("<html><body><div>Zoë</div></body></html>");

        assert_eq!(read.body.text, "Zoë");
    }

    #[test]
    fn pages_sent_as_text_are_seen() {
        assert!(is_page("\u{feff}\n<!DOCTYPE HTML><html>"));
        assert!(is_page("<html lang=en>"));
        assert!(!is_page("Zoë wrote <html> by hand"));
    }
}
