//! Stages, and the pipeline that runs a batch of articles through them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use copydesk_proto::{Article, StageReport};
use fail::fail_point;
use prometheus::HistogramVec;
use tracing::warn;

use crate::dead_letter::Reject;
use crate::error::chain;

/// What a stage fails with: any error, kept whole.
pub type StageError = Box<dyn std::error::Error + Send + Sync>;

/// One step of a pipeline. `D` is the work in progress on one article, which carries what the
/// stages tell each other besides the article itself.
pub trait Stage<D>: Send {
    /// Name of the stage in reports, metrics and dead letters: a verb such as `clean`.
    fn name(&self) -> &'static str;

    /// Works on all drafts of a batch.
    ///
    /// An error or a panic fails them all; the pipeline then calls again with fewer, to find the
    /// articles that are at fault. So a stage keeps nothing between calls that a panic may spoil.
    fn process(&mut self, drafts: &mut [D]) -> Result<(), StageError>;
}

/// Runs batches of articles through stages, in order. Knows no Kafka.
pub struct Pipeline<D> {
    stages: Vec<Box<dyn Stage<D>>>,
    stage_seconds: Option<HistogramVec>,
}

impl<D: From<Article> + Into<Article> + AsMut<Article>> Pipeline<D> {
    /// A pipeline of these stages.
    pub fn new(stages: Vec<Box<dyn Stage<D>>>) -> Self {
        Self {
            stages,
            stage_seconds: None,
        }
    }

    /// Records the time of each stage's calls, by its name.
    pub(crate) fn observe(&mut self, stage_seconds: HistogramVec) {
        self.stage_seconds = Some(stage_seconds);
    }

    /// Runs articles through all stages; the results are in the order of the articles.
    ///
    /// Articles that make a stage fail are rejected, the others of their batch are not.
    pub fn run(&mut self, articles: Vec<Article>) -> Vec<Result<Article, Reject>> {
        let mut results = Vec::with_capacity(articles.len());
        self.narrow(&articles, &mut results);
        results
    }

    /// Runs a batch; where it fails, runs its halves, down to the single articles at fault.
    fn narrow(&mut self, articles: &[Article], results: &mut Vec<Result<Article, Reject>>) {
        if articles.is_empty() {
            return;
        }
        match self.attempt(articles) {
            Ok(done) => results.extend(done.into_iter().map(Ok)),
            Err(reject) if articles.len() == 1 => results.push(Err(reject)),
            Err(reject) => {
                let Reject { stage, detail, .. } = &reject;
                warn!(
                    stage,
                    detail,
                    records = articles.len(),
                    "stage failed, halving the batch"
                );
                let (first, second) = articles.split_at(articles.len() / 2);
                self.narrow(first, results);
                self.narrow(second, results);
            }
        }
    }

    fn attempt(&mut self, articles: &[Article]) -> Result<Vec<Article>, Reject> {
        let mut drafts: Vec<D> = articles.iter().cloned().map(D::from).collect();
        for stage in &mut self.stages {
            fail_point!("before-stage");
            let start = Instant::now();
            call(stage.as_mut(), &mut drafts)?;
            let seconds = start.elapsed().as_secs_f64();
            if let Some(stage_seconds) = &self.stage_seconds {
                stage_seconds
                    .with_label_values(&[stage.name()])
                    .observe(seconds);
            }
            report(stage.name(), seconds, &mut drafts);
        }
        Ok(drafts.into_iter().map(D::into).collect())
    }
}

/// Calls a stage, and turns its error or panic into the reason why a lone article is rejected.
fn call<D>(stage: &mut dyn Stage<D>, drafts: &mut [D]) -> Result<(), Reject> {
    let name = stage.name();
    match catch_unwind(AssertUnwindSafe(|| stage.process(drafts))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Reject::new(name, "stage_failed", chain(error.as_ref()))),
        Err(panic) => Err(Reject::new(
            name,
            "stage_panicked",
            panic_text(panic.as_ref()),
        )),
    }
}

/// Notes in each article what the stage did, and the article's equal share of its time.
fn report<D: AsMut<Article>>(stage: &str, seconds: f64, drafts: &mut [D]) {
    let share = seconds / drafts.len().max(1) as f64;
    for draft in drafts {
        let provenance = draft.as_mut().provenance.get_or_insert_default();
        provenance.stages.push(StageReport {
            name: stage.to_owned(),
            status: "ok".to_owned(),
            seconds: share,
        });
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A draft with nothing but its article.
    struct Draft(Article);

    impl From<Article> for Draft {
        fn from(article: Article) -> Self {
            Self(article)
        }
    }

    impl From<Draft> for Article {
        fn from(draft: Draft) -> Self {
            draft.0
        }
    }

    impl AsMut<Article> for Draft {
        fn as_mut(&mut self) -> &mut Article {
            &mut self.0
        }
    }

    /// Upper-cases; panics on `panic`, fails on `fail`.
    struct Shout;

    impl Stage<Draft> for Shout {
        fn name(&self) -> &'static str {
            "shout"
        }

        fn process(&mut self, drafts: &mut [Draft]) -> Result<(), StageError> {
            for Draft(article) in drafts {
                article.text = article.text.to_uppercase();
                match article.text.as_str() {
                    "PANIC" => panic!("cannot shout {}", article.id),
                    "FAIL" => return Err("will not shout".into()),
                    _ => {}
                }
            }
            Ok(())
        }
    }

    fn articles(texts: &[&str]) -> Vec<Article> {
        let article = |(i, text): (usize, &&str)| Article {
            id: i.to_string(),
            text: (*text).to_owned(),
            ..Article::default()
        };
        texts.iter().enumerate().map(article).collect()
    }

    #[test]
    fn only_articles_at_fault_are_rejected() {
        let mut pipeline = Pipeline::new(vec![Box::new(Shout)]);

        let results = pipeline.run(articles(&["a", "panic", "b", "c", "fail", "d", "e"]));

        let short: Vec<_> = results
            .iter()
            .map(|result| match result {
                Ok(article) => article.text.as_str(),
                Err(reject) => reject.reason,
            })
            .collect();
        assert_eq!(
            short,
            ["A", "stage_panicked", "B", "C", "stage_failed", "D", "E"]
        );
    }

    #[test]
    fn reject_names_the_stage_and_the_cause() {
        let mut pipeline = Pipeline::new(vec![Box::new(Shout)]);

        let results = pipeline.run(articles(&["panic"]));

        let reject = results.into_iter().next().unwrap().unwrap_err();
        assert_eq!(
            reject,
            Reject::new("shout", "stage_panicked", "cannot shout 0".to_owned())
        );
    }

    #[test]
    fn each_article_reports_each_stage_once() {
        let mut pipeline = Pipeline::new(vec![Box::new(Shout)]);

        let results = pipeline.run(articles(&["a", "fail"]));

        let stages = &results[0]
            .as_ref()
            .unwrap()
            .provenance
            .as_ref()
            .unwrap()
            .stages;
        assert_eq!(stages.len(), 1);
        assert_eq!(
            (stages[0].name.as_str(), stages[0].status.as_str()),
            ("shout", "ok")
        );
        assert!(stages[0].seconds >= 0.0);
    }

    #[test]
    fn no_articles_give_no_results() {
        assert!(
            Pipeline::<Draft>::new(vec![Box::new(Shout)])
                .run(Vec::new())
                .is_empty()
        );
    }
}
