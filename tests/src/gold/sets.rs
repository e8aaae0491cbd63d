//! The annotated sets that the program is measured on.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use copydesk_proto::Article;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::gold::document::{Document, Field, Span, Writer};

/// A set: its labels and those of the contract that they stand for.
#[derive(Debug)]
pub struct Set {
    /// What the table calls it.
    pub title: &'static str,
    labels: &'static [(&'static str, &'static str)],
    read: fn(&Set, &Path) -> anyhow::Result<Vec<Document>>,
    file: &'static str,
}

/// All sets, in the order of the table.
pub const SETS: [Set; 5] = [
    Set {
        title: "worldwide",
        labels: &[
            ("Person", "PERSON"),
            ("Organization", "ORG"),
            ("Location", "LOC"),
            ("NORP", "NORP"),
            ("Facility", "FAC"),
            ("Date", "DATE"),
            ("Money", "MONEY"),
            ("Misc", "MISC"),
            ("Product", "PRODUCT"),
        ],
        read: read_columns,
        file: "ner/worldwide/dev.tsv.gz",
    },
    Set {
        title: "uner_ewt",
        labels: &[("PER", "PERSON"), ("ORG", "ORG"), ("LOC", "LOC")],
        read: read_columns,
        file: "ner/uner_ewt/dev.tsv.gz",
    },
    Set {
        title: "cyner",
        labels: &[("Malware", "MALWARE")],
        read: read_columns,
        file: "ner/cyner/dev.tsv.gz",
    },
    Set {
        title: "annoctr",
        labels: &[
            ("MALWARE", "MALWARE"),
            ("TOOL", "MALWARE"),
            ("GROUP", "THREAT_ACTOR"),
        ],
        read: read_columns,
        file: "ner/annoctr/dev.tsv.gz",
    },
    Set {
        title: "cyber_news",
        labels: &[
            ("PERSON", "PERSON"),
            ("ORG", "ORG"),
            ("LOC", "LOC"),
            ("FAC", "FAC"),
            ("NORP", "NORP"),
            ("PRODUCT", "PRODUCT"),
            ("DATE", "DATE"),
            ("MONEY", "MONEY"),
            ("MISC", "MISC"),
            ("THREAT_ACTOR", "THREAT_ACTOR"),
            ("MALWARE", "MALWARE"),
        ],
        read: read_spans,
        file: "ner/cyber_news/train.jsonl.gz",
    },
];

/// Sentences that stand for one article where a set has no documents.
const SENTENCES: usize = 10;

impl Set {
    /// Reads the set's dev part.
    pub fn read(&self, data: &Path) -> anyhow::Result<Vec<Document>> {
        (self.read)(self, &data.join(self.file))
    }

    /// Whether a label of the contract can occur in this set.
    pub fn knows(&self, label: &str) -> bool {
        self.labels.iter().any(|(_, ours)| *ours == label)
    }

    fn label(&self, theirs: &str) -> Option<&'static str> {
        let found = self.labels.iter().find(|(label, _)| *label == theirs);
        found.map(|(_, ours)| *ours)
    }
}

/// The lines of a gzipped file.
pub fn lines(path: &Path) -> anyhow::Result<impl Iterator<Item = std::io::Result<String>>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(BufReader::new(MultiGzDecoder::new(file)).lines())
}

/// Whether the recipe holds an id out: the leading 32 bits of its SHA-256, as a share of theirs.
pub fn is_held_out(id: &str, share: f64) -> bool {
    let digest = Sha256::digest(id.as_bytes());
    let leading = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    f64::from(leading) < share * 2f64.powi(32)
}

/// Reads `token<TAB>tag` lines: `# name` opens a document, a blank line ends a sentence.
fn read_columns(set: &Set, path: &Path) -> anyhow::Result<Vec<Document>> {
    let (mut documents, mut writer) = (Vec::new(), Writer::default());
    let mut named = false;
    for line in lines(path)? {
        let line = line?;
        if let Some((token, tag)) = line.split_once('\t') {
            writer.add(token, tag, |label| set.label(label));
        } else if line.starts_with("# ") {
            named = true;
            documents.extend(writer.finish());
        } else {
            writer.end_sentence();
            if !named && writer.sentences() == SENTENCES {
                documents.extend(writer.finish());
            }
        }
    }
    documents.extend(writer.finish());
    Ok(documents)
}

/// An article of `cyber_news`.
#[derive(Deserialize)]
struct Annotated {
    id: String,
    title: String,
    text: String,
    title_entities: Vec<Entity>,
    entities: Vec<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    start: u32,
    end: u32,
    label: String,
}

/// Reads articles with spans, those that the recipe holds out.
fn read_spans(set: &Set, path: &Path) -> anyhow::Result<Vec<Document>> {
    let mut documents = Vec::new();
    for line in lines(path)? {
        let one: Annotated = serde_json::from_str(&line?)?;
        if !is_held_out(&format!("cyber/{}", one.id), 12.0 / 56.0) {
            continue;
        }
        let spans = |field, entities: Vec<Entity>| {
            entities.into_iter().filter_map(move |entity| {
                let label = set.label(&entity.label)?.to_owned();
                Some(Span::new(field, entity.start, entity.end, label))
            })
        };
        let title = spans(Field::Title, one.title_entities);
        let gold = title.chain(spans(Field::Text, one.entities)).collect();
        let article = Article {
            title: one.title,
            text: one.text,
            ..Article::default()
        };
        documents.push(Document { article, gold });
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_fifth_is_held_out() {
        let held_out = (0..10_000).filter(|i| is_held_out(&format!("bbc/{i}"), 0.2));

        let count = held_out.count();

        assert!((1_800..2_200).contains(&count), "{count}");
    }
}
