//! Errors, sorted by what was taken for what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::document::{Document, Span};

/// Kinds of error that the table shows, and examples of each.
const KINDS: usize = 10;
const EXAMPLES: usize = 4;
/// Characters of the text on both sides of an example.
const CONTEXT: u32 = 30;

/// One kind of error with examples.
#[derive(Debug, Serialize)]
pub(crate) struct Confusion {
    /// `ORG taken for LOC`, `DATE: other bounds`, `MISC missed`, `LOC where nothing is`.
    pub(crate) kind: String,
    pub(crate) count: usize,
    pub(crate) examples: Vec<String>,
}

/// Errors by kind.
#[derive(Debug, Default)]
pub(crate) struct Confusions {
    kinds: BTreeMap<String, Vec<String>>,
}

impl Confusions {
    /// Adds a document's errors: each gold span that was not found, and each found span that
    /// touches no gold one.
    pub(crate) fn add(&mut self, document: &Document, found: &BTreeSet<Span>) {
        for gold in document.gold.difference(found) {
            let (kind, example) = match best_overlap(gold, found) {
                Some(other) if other.label == gold.label => (
                    format!("{}: other bounds", gold.label),
                    format!(
                        "{} | found: {}",
                        quote(gold, document),
                        other.text(&document.article)
                    ),
                ),
                Some(other) => (
                    format!("{} taken for {}", gold.label, other.label),
                    quote(gold, document),
                ),
                None => (format!("{} missed", gold.label), quote(gold, document)),
            };
            self.kinds.entry(kind).or_default().push(example);
        }
        for span in found {
            if best_overlap(span, &document.gold).is_none() {
                let kind = format!("{} where nothing is", span.label);
                self.kinds
                    .entry(kind)
                    .or_default()
                    .push(quote(span, document));
            }
        }
    }

    /// The most frequent kinds, their examples spread over the set.
    pub(crate) fn top(self) -> Vec<Confusion> {
        let mut all: Vec<_> = self.kinds.into_iter().collect();
        all.sort_by_key(|(_, examples)| std::cmp::Reverse(examples.len()));
        all.truncate(KINDS);
        let spread = |(kind, examples): (String, Vec<String>)| {
            let step = examples.len().div_ceil(EXAMPLES);
            Confusion {
                kind,
                count: examples.len(),
                examples: examples.into_iter().step_by(step).collect(),
            }
        };
        all.into_iter().map(spread).collect()
    }
}

/// The span that shares characters with another; one with the same label if there is one.
fn best_overlap<'s>(span: &Span, others: &'s BTreeSet<Span>) -> Option<&'s Span> {
    let overlapping = others.iter().filter(|other| other.overlaps(span));
    overlapping.max_by_key(|other| other.label == span.label)
}

/// A span in `[]` with what stands around it.
fn quote(span: &Span, document: &Document) -> String {
    let around = |start, end| {
        let place = Span::new(span.field, start, end, String::new());
        place.text(&document.article).replace('\n', " ")
    };
    format!(
        "{}[{}]{}",
        around(span.start.saturating_sub(CONTEXT), span.start),
        around(span.start, span.end),
        around(span.end, span.end + CONTEXT)
    )
}

#[cfg(test)]
mod tests {
    use copydesk_proto::Article;

    use super::*;
    use crate::document::Field;

    #[test]
    fn errors_are_told_apart() {
        let span = |start, end, label: &str| Span::new(Field::Text, start, end, label.to_owned());
        let document = Document {
            article: Article {
                text: "Ama Ito met Kumasi in May".to_owned(),
                ..Article::default()
            },
            gold: BTreeSet::from([
                span(0, 7, "PERSON"),
                span(12, 18, "ORG"),
                span(22, 25, "DATE"),
            ]),
        };
        let found = BTreeSet::from([
            span(0, 3, "PERSON"),
            span(12, 18, "LOC"),
            span(8, 11, "MISC"),
        ]);
        let mut confusions = Confusions::default();

        confusions.add(&document, &found);

        let mut kinds: Vec<_> = confusions.top().into_iter().map(|one| one.kind).collect();
        kinds.sort();
        assert_eq!(
            kinds,
            [
                "DATE missed",
                "MISC where nothing is",
                "ORG taken for LOC",
                "PERSON: other bounds"
            ]
        );
    }
}
