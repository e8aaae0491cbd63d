//! Topics: the part of `topics/articles.train` that training holds out.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use copydesk_proto::Article;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::gold::lines;
use crate::program::Program;
use crate::report::Report;
use crate::score::{Score, ratio};

/// The share of the articles that training holds out, as in the recipe.
const HELD_OUT: f64 = 0.2;
/// The floor that the first models had to reach.
const FLOOR: f64 = 0.70;

/// A labelled article.
#[derive(Deserialize)]
struct Labelled {
    id: String,
    topics: Vec<String>,
    text: String,
}

/// The taxonomy as IPTC publishes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taxonomy {
    concept_set: Vec<Concept>,
}

/// A concept, named `medtop:20000082`; its `broader`, an address, leads to the top level.
#[derive(Deserialize)]
struct Concept {
    qcode: String,
    #[serde(default)]
    broader: Vec<String>,
}

/// Measures the 17 top-level topics, and the best topic alone.
pub(crate) fn measure(program: &Program, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let set = "topics, held-out articles";
    let labelled = read(data)?;
    let articles: Vec<Article> = labelled
        .iter()
        .map(|one| Article {
            text: one.text.clone(),
            ..Article::default()
        })
        .collect();
    let (mut score, mut best, mut second) = (Score::default(), Vec::new(), Vec::new());
    let parents = parents(data)?;
    for (one, article) in labelled.iter().zip(program.enrich(&articles)?) {
        let gold: BTreeSet<String> = one.topics.iter().map(|code| top(&parents, code)).collect();
        let found: BTreeSet<String> = article
            .topics
            .iter()
            .filter_map(|topic| topic.path.first().cloned())
            .collect();
        score.add(&gold, &found, |code| code);
        if let Some(code) = article.topics.first().and_then(|topic| topic.path.first()) {
            best.push(gold.contains(code));
        }
        if let Some(topic) = article.topics.iter().find(|topic| topic.path.len() > 1) {
            second.push(one.topics.contains(&topic.code));
        }
    }
    report.note_labels(set, &score);
    let right = |hits: &[bool]| ratio(hits.iter().filter(|hit| **hit).count(), hits.len());
    let given = |hits: &[bool]| format!("given to {} of {}", hits.len(), labelled.len());
    report.note(set, "best topic right", right(&best), given(&best));
    report.note(
        set,
        "second level: best topic right",
        right(&second),
        given(&second),
    );
    report.note(
        set,
        "top level: micro F1",
        score.micro(|_| true).f1(),
        String::new(),
    );
    report.require(set, "top level: macro F1", score.macro_f1(), FLOOR);
    Ok(())
}

fn read(data: &Path) -> anyhow::Result<Vec<Labelled>> {
    let mut labelled = Vec::new();
    for line in lines(&data.join("topics/articles.train.jsonl.gz"))? {
        let one: Labelled = serde_json::from_str(&line?)?;
        if is_held_out(&one.id) {
            labelled.push(one);
        }
    }
    Ok(labelled)
}

/// The recipe's own rule: the leading 32 bits of the id's SHA-256, as a share of their range.
fn is_held_out(id: &str) -> bool {
    let digest = Sha256::digest(id.as_bytes());
    let leading = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    f64::from(leading) < HELD_OUT * 2f64.powi(32)
}

type Parents = std::collections::HashMap<String, String>;

fn parents(data: &Path) -> anyhow::Result<Parents> {
    let path = data.join("topics/iptc-mediatopics-en.json");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let taxonomy: Taxonomy = serde_json::from_slice(&bytes)?;
    let code = |name: &str| name.rsplit([':', '/']).next().unwrap_or(name).to_owned();
    let links = taxonomy.concept_set.iter();
    let links = links.filter_map(|one| Some((code(&one.qcode), code(one.broader.first()?))));
    Ok(links.collect())
}

/// Follows a concept to the top level.
fn top(parents: &Parents, code: &str) -> String {
    let chain = std::iter::successors(Some(code), |code| parents.get(*code).map(String::as_str));
    chain.last().unwrap_or(code).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_fifth_is_held_out() {
        let held_out = (0..10_000)
            .filter(|i| is_held_out(&format!("bbc/{i}")))
            .count();

        assert!((1_800..2_200).contains(&held_out), "{held_out}");
    }
}
