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

/// Annotated articles.
pub(crate) struct Gold {
    articles: Articles,
    spans: Vec<BTreeSet<Span>>,
}

impl Gold {
    /// Reads the held-back articles of world news.
    pub(crate) fn read(data: &Path) -> anyhow::Result<Self> {
        let set = SETS.iter().find(|set| set.title == "worldwide");
        let documents = set.context("worldwide is a set")?.read(data)?;
        let line = |document: &Document| String::from_utf8(encode(&document.article, Format::Json));
        let lines = documents.iter().map(line).collect::<Result<_, _>>()?;
        let ours = |span: &Span| OURS.contains(&span.label.as_str());
        let spans = documents.into_iter().map(|document| {
            let gold = document.gold.into_iter();
            gold.filter(|span| ours(span)).collect()
        });
        Ok(Self {
            articles: Articles::of(lines)?,
            spans: spans.collect(),
        })
    }

    /// Micro F1 over persons, organisations and places: label and both ends must be right.
    pub(crate) fn f1(&self, filter: &Filter) -> anyhow::Result<f64> {
        let answers = filter.answers(&self.articles)?;
        let mut score = Score::default();
        for (gold, answer) in self.spans.iter().zip(answers) {
            score.add_spans(gold, &spans(&serde_json::from_str(&answer)?));
        }
        Ok(score.micro(|_| true).f1())
    }
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
