//! Topics: the part of `topics/articles.train` that training holds out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use copydesk_proto::Article;
use serde::Deserialize;

use crate::calibration::Reliability;
use crate::program::Program;
use crate::report::Report;
use crate::score::{Score, estimate, ratio};
use crate::sets::{is_held_out, lines};

/// The share of the articles that training holds out, as in the recipe.
const HELD_OUT: f64 = 0.2;

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

/// One level of the taxonomy: what is right there, and what was found.
#[derive(Default)]
struct Level {
    score: Score,
    /// Of the articles that have a topic of this level: whether the best one given is right.
    best: Vec<Option<bool>>,
    reliability: Reliability,
}

/// Measures the 17 top-level topics and the 120 below them.
pub(crate) fn measure(program: &Program, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let labelled = read(data)?;
    let articles: Vec<Article> = labelled
        .iter()
        .map(|one| Article {
            text: one.text.clone(),
            ..Article::default()
        })
        .collect();
    let parents = parents(data)?;
    let (mut top, mut second) = (Level::default(), Level::default());
    for (one, article) in labelled.iter().zip(program.enrich(&articles)?) {
        let paths: Vec<Vec<String>> = one.topics.iter().map(|code| path(&parents, code)).collect();
        top.add(&article, &paths, 1);
        second.add(&article, &paths, 2);
    }
    top.report("topics, top level", report);
    second.report("topics, second level", report);
    Ok(())
}

impl Level {
    /// Adds an article: the topics at a depth of the taxonomy, those wanted and those given.
    fn add(&mut self, article: &Article, wanted: &[Vec<String>], depth: usize) {
        let gold: BTreeSet<String> = wanted
            .iter()
            .filter_map(|path| path.get(depth - 1).cloned())
            .collect();
        let given: Vec<_> = article
            .topics
            .iter()
            .filter(|topic| topic.path.len() == depth)
            .collect();
        for topic in &given {
            self.reliability
                .add(topic.score, gold.contains(&topic.code));
        }
        let found = given.iter().map(|topic| topic.code.clone()).collect();
        self.score.add(&gold, &found, |code| code);
        if !gold.is_empty() {
            self.best
                .push(given.first().map(|topic| gold.contains(&topic.code)));
        }
    }

    fn report(self, set: &str, report: &mut Report) {
        let share = |sample: &[usize], wanted: fn(&Option<bool>) -> bool| {
            sample.iter().filter(|&&i| wanted(&self.best[i])).count()
        };
        let best_right = estimate(self.best.len(), |sample| {
            let given = share(sample, Option::is_some);
            ratio(share(sample, |best| *best == Some(true)), given)
        });
        let given = estimate(self.best.len(), |sample| {
            ratio(share(sample, Option::is_some), sample.len())
        });
        report.add(set, "best topic right", best_right);
        report.note(set, "articles with a topic that get one", given);
        report.add_totals(set, &self.score);
        report.add_reliability(set, self.reliability);
    }
}

fn read(data: &Path) -> anyhow::Result<Vec<Labelled>> {
    let mut labelled = Vec::new();
    for line in lines(&data.join("topics/articles.train.jsonl.gz"))? {
        let one: Labelled = serde_json::from_str(&line?)?;
        if is_held_out(&one.id, HELD_OUT) {
            labelled.push(one);
        }
    }
    Ok(labelled)
}

type Parents = BTreeMap<String, String>;

fn parents(data: &Path) -> anyhow::Result<Parents> {
    let path = data.join("topics/iptc-mediatopics-en.json");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let taxonomy: Taxonomy = serde_json::from_slice(&bytes)?;
    let code = |name: &str| name.rsplit([':', '/']).next().unwrap_or(name).to_owned();
    let links = taxonomy.concept_set.iter();
    let links = links.filter_map(|one| Some((code(&one.qcode), code(one.broader.first()?))));
    Ok(links.collect())
}

/// The codes from the top level down to a concept.
fn path(parents: &Parents, code: &str) -> Vec<String> {
    let chain = std::iter::successors(Some(code), |code| parents.get(*code).map(String::as_str));
    let mut path: Vec<String> = chain.map(str::to_owned).collect();
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_down_from_the_top() {
        let link = |code: &str, parent: &str| (code.to_owned(), parent.to_owned());
        let parents = Parents::from([link("c", "b"), link("b", "a")]);

        let path = path(&parents, "c");

        assert_eq!(path, ["a", "b", "c"]);
    }
}
