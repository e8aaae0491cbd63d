//! Who finds what in articles that people have annotated.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use copydesk_proto::{Format, encode};
use copydesk_tests::gold::document::{Document, Field, Span};
use copydesk_tests::gold::score::Score;
use copydesk_tests::gold::sets::SETS;
use serde_json::Value;

use crate::articles::Articles;
use crate::filter::Filter;

/// The labels that every system has, and what each calls them.
const LABELS: [(&str, &str); 6] = [
    ("PERSON", "PERSON"),
    ("ORG", "ORG"),
    ("ORGANIZATION", "ORG"),
    ("LOC", "LOC"),
    ("LOCATION", "LOC"),
    ("GPE", "LOC"),
];
const OURS: [&str; 3] = ["PERSON", "ORG", "LOC"];

/// What some guidelines count to a name, and others do not.
const ARTICLE: &str = "the ";

/// Annotated articles.
pub(crate) struct Gold {
    articles: Articles,
    documents: Vec<Document>,
}

impl Gold {
    /// Reads the held-back articles of world news.
    pub(crate) fn read(data: &Path) -> anyhow::Result<Self> {
        let set = SETS.iter().find(|set| set.title == "worldwide");
        let documents = set.context("worldwide is a set")?.read(data)?;
        let line = |document: &Document| String::from_utf8(encode(&document.article, Format::Json));
        let lines = documents.iter().map(line).collect::<Result<_, _>>()?;
        Ok(Self {
            articles: Articles::of(lines)?,
            documents,
        })
    }

    /// Micro F1 over persons, organisations and places: label and both ends must be right, but for
    /// a leading "the", which counts for nobody and against nobody.
    pub(crate) fn f1(&self, filter: &Filter) -> anyhow::Result<f64> {
        let answers = filter.answers(&self.articles)?;
        let mut score = Score::default();
        for (document, answer) in self.documents.iter().zip(answers) {
            let text: Vec<char> = document.article.text.chars().collect();
            let gold = document.gold.iter().filter(|span| is_ours(span));
            let gold = gold.map(|span| bare(span, &text)).collect();
            let found = spans(&serde_json::from_str(&answer)?);
            let found = found.iter().map(|span| bare(span, &text)).collect();
            score.add_spans(&gold, &found);
        }
        Ok(score.micro(|_| true).f1())
    }
}

fn is_ours(span: &Span) -> bool {
    OURS.contains(&span.label.as_str())
}

/// A span without a leading article.
fn bare(span: &Span, text: &[char]) -> Span {
    let from = text.get(span.start as usize..span.end as usize);
    let lower = from.into_iter().flatten().map(char::to_ascii_lowercase);
    let skipped = if lower.take(ARTICLE.len()).eq(ARTICLE.chars()) {
        ARTICLE.len() as u32
    } else {
        0
    };
    Span::new(
        span.field,
        span.start + skipped,
        span.end,
        span.label.clone(),
    )
}

fn spans(record: &Value) -> BTreeSet<Span> {
    let entities = record["entities"].as_array();
    entities.into_iter().flatten().filter_map(span).collect()
}

/// An entity in the text as it was sent, where it has a single place there.
fn span(entity: &Value) -> Option<Span> {
    let theirs = entity["label"].as_str()?;
    let (_, label) = LABELS.iter().find(|(label, _)| *label == theirs)?;
    let names = match entity.get("raw_start") {
        Some(_) => ["raw_start", "raw_end"],
        None => ["start", "end"],
    };
    let [start, end] = names.map(|name| entity[name].as_u64());
    let (start, end) = (start?.try_into().ok()?, end?.try_into().ok()?);
    Some(Span::new(Field::Text, start, end, (*label).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_no_part_of_a_name() {
        let text: Vec<char> = "Zoë of The Hague Times, the end".chars().collect();
        let span = |start, end| Span::new(Field::Text, start, end, "ORG".to_owned());

        let spans = [(7, 22), (11, 22), (0, 3)].map(|(start, end)| bare(&span(start, end), &text));

        assert_eq!(spans, [span(11, 22), span(11, 22), span(0, 3)]);
    }

    #[test]
    fn labels_and_positions_of_all_systems_are_understood() {
        let record = serde_json::json!({"entities": [
            {"label": "GPE", "start": 0, "end": 3},
            {"label": "LOC", "start": 0, "end": 6, "raw_start": 5, "raw_end": 11},
            {"label": "ORG", "start": 7, "end": 9, "raw_start": null, "raw_end": null},
            {"label": "CARDINAL", "start": 4, "end": 5},
        ]});

        let found = spans(&record);

        let place = |start, end| Span::new(Field::Text, start, end, "LOC".to_owned());
        assert_eq!(found, BTreeSet::from([place(0, 3), place(5, 11)]));
    }
}
