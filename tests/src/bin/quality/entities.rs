//! Entities: label and both ends must be right, in the raw fields.

use std::collections::BTreeSet;
use std::path::Path;

use copydesk_proto::Article;

use crate::calibration::Reliability;
use crate::confusion::Confusions;
use crate::document::{Document, Span};
use crate::program::Program;
use crate::report::Report;
use crate::score::Score;
use crate::sets::{SETS, Set};

/// The labels that every news set has.
const CORE: [&str; 3] = ["PERSON", "ORG", "LOC"];

/// Measures all sets.
pub(crate) fn measure(program: &Program, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    SETS.iter()
        .try_for_each(|set| measure_set(set, &set.read(data)?, program, report))
}

fn measure_set(
    set: &Set,
    documents: &[Document],
    program: &Program,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut score, mut confusions) = (Score::default(), Confusions::default());
    let mut reliability = Reliability::default();
    let (mut unchanged, mut places) = (Score::default(), Vec::new());
    let enriched = program.enrich(documents.iter().map(|document| &document.article))?;
    for (place, (document, article)) in documents.iter().zip(enriched).enumerate() {
        let mut found = BTreeSet::new();
        for entity in &article.entities {
            if let Some(span) = Span::of(entity).filter(|span| set.knows(&span.label)) {
                reliability.add(entity.score, document.gold.contains(&span));
                found.insert(span);
            }
        }
        score.add_spans(&document.gold, &found);
        if is_as_written(&document.article, &article) {
            unchanged.add_spans(&document.gold, &found);
            places.push(place);
        }
        confusions.add(document, &found);
    }
    report.add_labels(set.title, &score);
    if set.title == "worldwide" {
        let core = |label: &str| CORE.contains(&label);
        report.add(set.title, "PERSON+ORG+LOC", score.micro_f1(core));
    }
    report.add_totals(set.title, &score);
    report.add_as_written(set.title, &unchanged, places);
    report.add_reliability(set.title, reliability);
    report.add_confusions(set.title, confusions.top());
    Ok(())
}

/// Whether cleaning left an article as it came in.
fn is_as_written(raw: &Article, enriched: &Article) -> bool {
    let fields = [(&raw.title, &enriched.title), (&raw.text, &enriched.text)];
    fields.iter().all(|(raw, clean)| raw.trim() == clean.trim())
}
