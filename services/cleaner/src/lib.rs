//! Raw article bodies to clean text.
//!
//! [`clean`] drops what is not the article (markup, adverts, navigation, share lines, comment
//! forms) and keeps an [`OffsetMap`], so that a span of the clean text can be shown in the body as
//! it came in. It removes and decodes, it never rewrites: curly quotes, spelling and Unicode forms
//! stay. It knows nothing of records, models or Kafka.

mod boilerplate;
mod character;
mod decode;
mod ending;
mod entity;
mod flag;
mod headline;
mod html;
mod language;
mod line;
mod mapped;
mod markdown;
mod markup;
mod offset_map;
mod space;
mod text;

pub use flag::Flag;
pub use language::detect_language;
pub use offset_map::OffsetMap;

use mapped::Mapped;

/// An article's body as a scraper sent it.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Plain text, perhaps with markdown or stray markup in it; a whole page is read as one.
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
    match body {
        Body::Html(raw) => clean_html(raw, title),
        Body::Text(raw) if html::is_page(raw) => clean_html(raw, title),
        Body::Text(raw) => {
            let decoded = decode::decode(raw);
            let Mapped { text, map } = text::clean(&decoded.text, title).after(&decoded.map);
            let flags = flag::of_text(&decoded.text, &text);
            Clean {
                text,
                map,
                title: None,
                flags,
            }
        }
    }
}

fn clean_html(raw: &str, title: &str) -> Clean {
    let page = html::read(raw);
    let title = if title.is_empty() {
        page.title.as_deref().unwrap_or_default()
    } else {
        title
    };
    let Mapped { text, map } = text::clean(&page.body.text, title).after(&page.body.map);
    let mut flags = flag::of_text(&page.body.text, &text);
    if !page.is_article {
        flags.push(Flag::HtmlFallback);
        flags.sort_unstable();
    }
    Clean {
        text,
        map,
        title: page.title,
        flags,
    }
}

/// Cleans a title to one line: markup and entities decoded, white space collapsed.
pub fn clean_title(title: &str) -> (String, OffsetMap) {
    let decoded = decode::decode(title);
    let Mapped { text, map } = text::clean_line(&decoded.text).after(&decoded.map);
    (text, map)
}
