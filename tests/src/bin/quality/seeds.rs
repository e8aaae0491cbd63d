//! The seeds: raw articles as they come in, two of them with gold.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use anyhow::Context;
use copydesk_proto::Article;
use serde::Deserialize;

use crate::document::{Field, Span};
use crate::program::Program;
use crate::report::Report;
use crate::score::{Score, ratio};

#[derive(Deserialize)]
struct Gold {
    file: String,
    boilerplate: Vec<GoldSpan>,
    entities: Vec<GoldSpan>,
}

#[derive(Deserialize)]
struct GoldSpan {
    start: u32,
    end: u32,
    text: String,
    #[serde(default)]
    label: String,
}

/// Measures boilerplate removed, article kept and entities found.
pub(crate) fn measure(program: &Program, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let set = "seeds";
    let (mut score, mut removed, mut marked) = (Score::default(), 0, 0);
    for (gold, raw) in read(&data.join("seeds"))? {
        let article = Article {
            text: raw.clone(),
            ..Article::default()
        };
        let article = program.enrich([&article])?.remove(0);
        marked += gold.boilerplate.len();
        removed += gold
            .boilerplate
            .iter()
            .filter(|span| !has(&article.text, &span.text))
            .count();
        let kept = kept(&without(&raw, &gold.boilerplate), &article.text);
        report.add_exact(set, &format!("{}: article kept", name(&gold.file)), kept);
        let wanted: BTreeSet<Span> = gold
            .entities
            .into_iter()
            .map(|span| Span::new(Field::Text, span.start, span.end, span.label))
            .collect();
        let found = article.entities.iter().filter_map(Span::of);
        let found = found.filter(|span| span.field == Field::Text).collect();
        score.add_spans(&wanted, &found);
    }
    report.add_exact(set, "boilerplate removed", ratio(removed, marked));
    report.add_labels(set, &score);
    report.add_totals(set, &score);
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<Vec<(Gold, String)>> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".gold.json") {
            let gold: Gold = serde_json::from_slice(&fs::read(&path)?)?;
            let raw = fs::read_to_string(folder.join(&gold.file))?;
            seeds.push((gold, raw));
        }
    }
    seeds.sort_by(|(a, _), (b, _)| a.file.cmp(&b.file));
    Ok(seeds)
}

/// Whether a line of the clean text holds a piece of boilerplate.
fn has(text: &str, piece: &str) -> bool {
    text.lines().any(|line| line.contains(piece.trim()))
}

/// A text without some spans.
fn without(text: &str, spans: &[GoldSpan]) -> String {
    let dropped = |i: u32| spans.iter().any(|span| (span.start..span.end).contains(&i));
    let kept = (0..).zip(text.chars()).filter(|(i, _)| !dropped(*i));
    kept.map(|(_, char)| char).collect()
}

/// The share of the wanted words, by their characters, that is found, each as often as wanted.
fn kept(wanted: &str, found: &str) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in found.split_whitespace() {
        *left.entry(word).or_default() += 1;
    }
    let (mut kept, mut all) = (0, 0);
    for word in wanted.split_whitespace() {
        let chars = word.chars().count();
        all += chars;
        if let Some(times) = left.get_mut(word).filter(|times| **times > 0) {
            *times -= 1;
            kept += chars;
        }
    }
    ratio(kept, all)
}

/// The seed's number.
fn name(file: &str) -> &str {
    file.split('_').next().unwrap_or(file)
}
