//! Stages, and the pipeline that runs a batch of articles through them.

use std::time::{Duration, Instant};

use copydesk_proto::{Article, StageReport};
use fail::fail_point;
use prometheus::HistogramVec;
use tracing::warn;

use crate::backoff::Backoff;
use crate::budget::{Budget, StageError};
use crate::call::{self, UNAVAILABLE, call};
use crate::conduct::Conduct;
use crate::dead_letter::Reject;
use crate::trace::Step;
use crate::{Error, Metrics};

/// One step of a pipeline. `D` is the work in progress on one article, which carries what the
/// stages tell each other besides the article itself.
pub trait Stage<D>: Send {
    /// Name of the stage in reports, metrics and dead letters: a verb such as `clean`.
    fn name(&self) -> &'static str;

    /// Works on all drafts of a batch, and looks now and then whether the budget is spent.
    ///
    /// An error or a panic fails them all; the pipeline then calls again with fewer, to find the
    /// articles that are at fault. So a stage keeps nothing between calls that a panic may spoil.
    fn process(&mut self, drafts: &mut [D], budget: &Budget) -> Result<(), StageError>;
}

/// Runs batches of articles through stages, in order. Knows no Kafka.
pub struct Pipeline<D> {
    stages: Vec<Box<dyn Stage<D>>>,
    stage_seconds: Option<HistogramVec>,
}

impl<D> Pipeline<D> {
    /// A pipeline of these stages.
    pub fn new(stages: Vec<Box<dyn Stage<D>>>) -> Self {
        Self {
            stages,
            stage_seconds: None,
        }
    }
}

impl<D: From<Article> + Into<Article> + AsMut<Article>> Pipeline<D> {
    /// Records the time of each stage's calls, by its name.
    pub(crate) fn observe(&mut self, metrics: &Metrics) {
        for stage in &self.stages {
            // So that the first call is seen as a change.
            metrics.stage_seconds.with_label_values(&[stage.name()]);
            metrics.expect_rejects(stage.name(), call::REASONS);
        }
        self.stage_seconds = Some(metrics.stage_seconds.clone());
    }

    /// Runs articles through all stages; the results are in the order of the articles.
    ///
    /// Articles that make a stage fail are rejected, the others of their batch are not.
    pub fn run(&mut self, articles: Vec<Article>) -> Vec<Result<Article, Reject>> {
        let conduct = Conduct {
            article_timeout: None,
            retry: None,
            trace: None,
            pause: &mut |_| Ok(()),
        };
        self.run_with(articles, conduct)
            .expect("nothing gives the batch up")
    }

    /// The same, with limits, and something to do meanwhile.
    pub(crate) fn run_with(
        &mut self,
        articles: Vec<Article>,
        mut conduct: Conduct<'_>,
    ) -> Result<Vec<Result<Article, Reject>>, Error> {
        let mut results = Vec::with_capacity(articles.len());
        self.narrow(&articles, &mut conduct, &mut results)?;
        Ok(results)
    }

    /// Runs a batch; where it fails, runs its halves, down to the single articles at fault.
    fn narrow(
        &mut self,
        articles: &[Article],
        conduct: &mut Conduct<'_>,
        results: &mut Vec<Result<Article, Reject>>,
    ) -> Result<(), Error> {
        if articles.is_empty() {
            return Ok(());
        }
        match self.attempt(articles, conduct)? {
            Ok(done) => results.extend(done.into_iter().map(Ok)),
            Err(failure) if articles.len() == 1 => {
                results.push(self.insist(articles, failure, conduct)?);
            }
            Err(Reject { stage, detail, .. }) => {
                let records = articles.len();
                warn!(stage, detail, records, "stage failed, halving the batch");
                let (first, second) = articles.split_at(articles.len() / 2);
                self.narrow(first, conduct, results)?;
                self.narrow(second, conduct, results)?;
            }
        }
        Ok(())
    }

    /// Tries a single article again, as long as that may help, and then rejects it.
    fn insist(
        &mut self,
        article: &[Article],
        mut failure: Reject,
        conduct: &mut Conduct<'_>,
    ) -> Result<Result<Article, Reject>, Error> {
        let Some(retry) = conduct.retry else {
            return Ok(Err(failure));
        };
        let mut backoff = Backoff::new(retry);
        for _ in 0..retry.max_attempts {
            if failure.reason != UNAVAILABLE {
                break;
            }
            (conduct.pause)(backoff.next())?;
            match self.attempt(article, conduct)? {
                Ok(done) => return Ok(done.into_iter().next().ok_or(failure)),
                Err(again) => failure = again,
            }
        }
        Ok(Err(failure))
    }

    fn attempt(
        &mut self,
        articles: &[Article],
        conduct: &mut Conduct<'_>,
    ) -> Result<Result<Vec<Article>, Reject>, Error> {
        let mut drafts: Vec<D> = articles.iter().cloned().map(D::from).collect();
        for stage in &mut self.stages {
            (conduct.pause)(Duration::ZERO)?;
            fail_point!("before-stage");
            let budget = conduct
                .article_timeout
                .map_or(Budget::unlimited(), Budget::of);
            let span = conduct
                .trace
                .map(|trace| trace.stage(stage.name(), articles.len()));
            let start = Instant::now();
            let called = call(stage.as_mut(), &mut drafts, &budget);
            Step::end(
                span,
                called.as_ref().err().map(|reject| reject.detail.clone()),
            );
            let seconds = start.elapsed().as_secs_f64();
            if let Some(stage_seconds) = &self.stage_seconds {
                stage_seconds
                    .with_label_values(&[stage.name()])
                    .observe(seconds);
            }
            if let Err(failure) = called {
                return Ok(Err(failure));
            }
            report(stage.name(), seconds, &mut drafts);
        }
        Ok(Ok(drafts.into_iter().map(D::into).collect()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Retry;

    /// Upper-cases; panics on `panic`, fails on `fail`, and some times on `tired`.
    #[derive(Default)]
    struct Shout {
        naps: u32,
    }

    fn shouting(naps: u32) -> Pipeline<Article> {
        Pipeline::new(vec![Box::new(Shout { naps })])
    }

    fn reasons(results: &[Result<Article, Reject>]) -> Vec<&str> {
        let short = |result: &'_ Result<Article, Reject>| match result {
            Ok(_) => "",
            Err(reject) => reject.reason,
        };
        results.iter().map(short).collect()
    }

    /// Runs with retries, and never waits.
    fn run(
        mut pipeline: Pipeline<Article>,
        article_timeout: Option<Duration>,
        texts: &[&str],
    ) -> Vec<Result<Article, Reject>> {
        let conduct = Conduct {
            article_timeout,
            retry: Some(&RETRY),
            trace: None,
            pause: &mut |_| Ok(()),
        };
        pipeline.run_with(articles(texts), conduct).unwrap()
    }

    const RETRY: Retry = Retry {
        initial_ms: 100,
        max_ms: 300,
        max_attempts: 3,
    };

    impl Stage<Article> for Shout {
        fn name(&self) -> &'static str {
            "shout"
        }

        fn process(&mut self, articles: &mut [Article], budget: &Budget) -> Result<(), StageError> {
            for article in articles {
                budget.check()?;
                article.text = article.text.to_uppercase();
                match article.text.as_str() {
                    "PANIC" => panic!("cannot shout {}", article.id),
                    "FAIL" => return Err(StageError::new("will not shout")),
                    "TIRED" if self.naps > 0 => {
                        self.naps -= 1;
                        return Err(StageError::retriable("must rest"));
                    }
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
        let mut pipeline = shouting(0);

        let results = pipeline.run(articles(&["a", "panic", "b", "c", "fail", "d"]));

        assert_eq!(
            reasons(&results),
            ["", "stage_panicked", "", "", "stage_failed", ""]
        );
        let texts: Vec<_> = results
            .iter()
            .flatten()
            .map(|article| &article.text)
            .collect();
        assert_eq!(texts, ["A", "B", "C", "D"]);
    }

    #[test]
    fn reject_names_the_stage_and_the_cause() {
        let mut pipeline = shouting(0);

        let results = pipeline.run(articles(&["panic"]));

        let reject = results.into_iter().next().unwrap().unwrap_err();
        assert_eq!(
            reject,
            Reject::new("shout", "stage_panicked", "cannot shout 0".to_owned())
        );
    }

    #[test]
    fn each_article_reports_each_stage_once() {
        let mut pipeline = shouting(0);

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
    fn passing_failure_is_retried_with_growing_waits() {
        let mut waits = Vec::new();
        let conduct = Conduct {
            article_timeout: None,
            retry: Some(&RETRY),
            trace: None,
            pause: &mut |wait| {
                waits.extend((!wait.is_zero()).then_some(wait));
                Ok(())
            },
        };

        // The first fails the batch, the others the article alone.
        let results = shouting(3).run_with(articles(&["a", "tired"]), conduct);

        assert_eq!(reasons(&results.unwrap()), ["", ""]);
        assert_eq!(waits.len(), 2);
        assert!(waits[0] <= Duration::from_millis(100) && waits[1] <= Duration::from_millis(200));
    }

    #[test]
    fn failure_that_does_not_pass_within_the_budget_costs_its_article_alone() {
        let results = run(shouting(u32::MAX), None, &["a", "tired", "b"]);

        assert_eq!(reasons(&results), ["", UNAVAILABLE, ""]);
    }

    #[test]
    fn article_that_takes_too_long_is_rejected_for_it() {
        let results = run(shouting(0), Some(Duration::ZERO), &["a"]);

        assert_eq!(reasons(&results), ["stage_timed_out"]);
    }

    #[test]
    fn batch_is_given_up_between_stages() {
        let conduct = Conduct {
            article_timeout: None,
            retry: None,
            trace: None,
            pause: &mut |_| Err(Error::Stopped),
        };

        let results = shouting(0).run_with(articles(&["a"]), conduct);

        assert!(matches!(results, Err(Error::Stopped)));
    }

    #[test]
    fn failing_calls_are_timed_too() {
        let metrics = crate::Metrics::new("test");
        let mut pipeline = shouting(0);
        pipeline.observe(&metrics);

        pipeline.run(articles(&["panic"]));

        let timed = metrics.stage_seconds.with_label_values(&["shout"]);
        assert_eq!(timed.get_sample_count(), 1);
    }

    #[test]
    fn no_articles_give_no_results() {
        assert!(shouting(0).run(Vec::new()).is_empty());
    }
}
