//! Articles with gold spans.

use std::collections::BTreeSet;

use copydesk_proto::{Article, Entity};

/// The field of an article that a span lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The headline.
    Title,
    /// The body.
    Text,
}

/// A labelled span of a raw field, in code points.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The field that it lies in.
    pub field: Field,
    /// Its first code point.
    pub start: u32,
    /// The code point behind its last.
    pub end: u32,
    /// What it names.
    pub label: String,
}

impl Span {
    /// A span of these code points.
    pub fn new(field: Field, start: u32, end: u32, label: String) -> Self {
        Self {
            field,
            start,
            end,
            label,
        }
    }

    /// Where an entity lies in the raw field; `None` where it has no single place there.
    pub fn of(entity: &Entity) -> Option<Self> {
        let field = match entity.field.as_str() {
            "title" => Field::Title,
            _ => Field::Text,
        };
        let (start, end) = entity.raw_start.zip(entity.raw_end)?;
        Some(Self::new(field, start, end, entity.label.clone()))
    }

    /// Whether two spans share a character.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.field == other.field && self.start < other.end && other.start < self.end
    }

    /// The span's characters.
    pub fn text<'a>(&self, article: &'a Article) -> &'a str {
        let field = match self.field {
            Field::Title => &article.title,
            Field::Text => &article.text,
        };
        let byte = |at: u32| {
            let mut bounds = field.char_indices().map(|(byte, _)| byte);
            bounds.nth(at as usize).unwrap_or(field.len())
        };
        field.get(byte(self.start)..byte(self.end)).unwrap_or("")
    }
}

/// An article as it comes in, and what should be found in it.
#[derive(Debug, Default)]
pub struct Document {
    /// What comes in.
    pub article: Article,
    /// What should be found.
    pub gold: BTreeSet<Span>,
}

/// Makes running text of tagged tokens, as a scraper would send it: a sentence a line.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
    chars: u32,
    sentences: usize,
    gold: BTreeSet<Span>,
    /// The set's label of the span that may go on, and the span where the contract knows it.
    open: Option<(String, Option<Span>)>,
}

impl Writer {
    /// Appends a token with a BIO tag, behind a space where running text has one.
    pub(crate) fn add(
        &mut self,
        token: &str,
        tag: &str,
        ours: impl Fn(&str) -> Option<&'static str>,
    ) {
        let first = self.text.is_empty() || self.text.ends_with('\n');
        let attached = matches!(
            token,
            "," | "." | ";" | ":" | "!" | "?" | ")" | "%" | "'s" | "’s"
        ) || self.text.ends_with(['(', '“']);
        if !first && !attached {
            self.push(" ");
        }
        let start = self.chars;
        self.push(token);
        match (tag.split_once('-'), &mut self.open) {
            (Some(("I", label)), Some((open, span))) if open == label => {
                if let Some(span) = span {
                    span.end = self.chars;
                }
            }
            (Some((_, label)), _) => {
                self.close();
                let span = ours(label)
                    .map(|ours| Span::new(Field::Text, start, self.chars, ours.to_owned()));
                self.open = Some((label.to_owned(), span));
            }
            (None, _) => self.close(),
        }
    }

    /// Ends the line.
    pub(crate) fn end_sentence(&mut self) {
        self.close();
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.push("\n");
            self.sentences += 1;
        }
    }

    /// Sentences since the last document.
    pub(crate) fn sentences(&self) -> usize {
        self.sentences
    }

    /// The document so far, if there is any text in it; the writer begins anew.
    pub(crate) fn finish(&mut self) -> Option<Document> {
        self.end_sentence();
        let done = std::mem::take(self);
        let article = Article {
            text: done.text,
            ..Article::default()
        };
        let gold = done.gold;
        (!article.text.is_empty()).then_some(Document { article, gold })
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.chars += u32::try_from(text.chars().count()).expect("a token is short");
    }

    fn close(&mut self) {
        self.gold
            .extend(self.open.take().and_then(|(_, span)| span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_running_text_with_spans() {
        let mut writer = Writer::default();
        let tokens = [
            ("Zoë", "B-Person"),
            ("Ito", "I-Person"),
            ("(", "O"),
            ("Zürich", "B-Location"),
            ("Oerlikon", "B-Other"),
            (")", "O"),
        ];

        for (token, tag) in tokens {
            writer.add(token, tag, |label| match label {
                "Person" => Some("PERSON"),
                "Location" => Some("LOC"),
                _ => None,
            });
        }
        let document = writer.finish().expect("there is text");

        let span = |start, end, label: &str| Span::new(Field::Text, start, end, label.to_owned());
        assert_eq!(document.article.text, "Zoë Ito (Zürich Oerlikon)\n");
        assert_eq!(
            document.gold,
            BTreeSet::from([span(0, 7, "PERSON"), span(9, 15, "LOC")])
        );
        assert_eq!(span(9, 15, "LOC").text(&document.article), "Zürich");
    }
}
