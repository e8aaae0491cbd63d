//! Entities in world news: `ner/worldwide`, dev.

use std::collections::BTreeSet;
use std::path::Path;

use copydesk_proto::Article;

use crate::gold::{Span, lines, raw_spans};
use crate::program::Program;
use crate::report::{Report, detail};
use crate::score::Score;

/// The set's labels and the contract's.
const LABELS: [(&str, &str); 9] = [
    ("Person", "PERSON"),
    ("Organization", "ORG"),
    ("Location", "LOC"),
    ("NORP", "NORP"),
    ("Facility", "FAC"),
    ("Date", "DATE"),
    ("Money", "MONEY"),
    ("Misc", "MISC"),
    ("Product", "PRODUCT"),
];

/// The floor that the first models had to reach.
const FLOOR: f64 = 0.78;

/// An annotated article as the text that a scraper would send.
#[derive(Default)]
struct Document {
    text: String,
    chars: u32,
    spans: BTreeSet<Span>,
    open: Option<Span>,
}

/// Measures span F1: label and both ends must be right, in the raw text.
pub(crate) fn measure(program: &Program, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let set = "worldwide dev, entities";
    let documents = read(&data.join("ner/worldwide/dev.tsv.gz"))?;
    let articles: Vec<Article> = documents
        .iter()
        .map(|document| Article {
            text: document.text.clone(),
            ..Article::default()
        })
        .collect();
    let mut score = Score::default();
    for (document, article) in documents.iter().zip(program.enrich(&articles)?) {
        let known = |span: &Span| LABELS.iter().any(|(_, label)| *label == span.2);
        let found: BTreeSet<Span> = raw_spans(&article).filter(known).collect();
        score.add(&document.spans, &found, |span| &span.2);
    }
    report.note_labels(set, &score);
    let main = score.micro(|label| ["PERSON", "ORG", "LOC"].contains(&label));
    report.note(set, "PERSON, ORG, LOC: span F1", main.f1(), detail(main));
    report.note(set, "macro F1", score.macro_f1(), String::new());
    report.require(set, "all nine: span F1", score.micro(|_| true).f1(), FLOOR);
    Ok(())
}

/// Reads `token<TAB>tag` lines: `# name` opens a document, a blank line ends a sentence.
fn read(path: &Path) -> anyhow::Result<Vec<Document>> {
    let mut documents: Vec<Document> = Vec::new();
    for line in lines(path)? {
        let line = line?;
        match (line.split_once('\t'), documents.last_mut()) {
            (Some((token, tag)), Some(document)) => document.add(token, tag),
            (None, Some(document)) if line.is_empty() => document.end_sentence(),
            _ if line.starts_with("# ") => documents.push(Document::default()),
            _ => anyhow::bail!("{}: a line without a document: {line}", path.display()),
        }
    }
    documents.iter_mut().for_each(Document::close);
    Ok(documents)
}

impl Document {
    /// Appends a token, behind a space where running text has one.
    fn add(&mut self, token: &str, tag: &str) {
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
            (Some(("I", _)), Some(span)) => span.1 = self.chars,
            (Some((_, name)), _) => {
                self.close();
                let label = LABELS.iter().find(|(theirs, _)| *theirs == name);
                self.open = label.map(|(_, label)| (start, self.chars, (*label).to_owned()));
            }
            (None, _) => self.close(),
        }
    }

    fn end_sentence(&mut self) {
        self.close();
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.push("\n");
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.chars += u32::try_from(text.chars().count()).expect("a token is short");
    }

    fn close(&mut self) {
        self.spans.extend(self.open.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_running_text_with_spans() {
        let mut document = Document::default();
        let tokens = [
            ("Zoë", "B-Person"),
            ("Ito", "I-Person"),
            ("(", "O"),
            ("Zürich", "B-Location"),
        ];

        tokens
            .iter()
            .for_each(|(token, tag)| document.add(token, tag));
        document.add(")", "O");
        document.end_sentence();

        assert_eq!(document.text, "Zoë Ito (Zürich)\n");
        assert_eq!(
            document.spans,
            BTreeSet::from([(0, 7, "PERSON".to_owned()), (9, 15, "LOC".to_owned())])
        );
    }
}
