//! The stage `classify`: clean title and text to topics.

use std::sync::{Arc, Mutex, PoisonError};

use copydesk_classifier::Classifier;
use copydesk_proto::Topic;
use copydesk_worker::{Budget, Stage, StageError};

use super::Draft;
use super::metrics::Metrics;
use super::reader::Reader;
use super::reading::Purpose;

/// Gives articles their topics.
pub(crate) struct Classify {
    pub(crate) reader: Arc<Mutex<Reader>>,
    pub(crate) classifier: Classifier,
    pub(crate) metrics: Arc<Metrics>,
}

impl Stage<Draft> for Classify {
    fn name(&self) -> &'static str {
        "classify"
    }

    fn process(&mut self, drafts: &mut [Draft], budget: &Budget) -> Result<(), StageError> {
        let model = self.read_unread(drafts, budget)?;
        for draft in drafts {
            let topics = self.topics(draft);
            self.metrics.count_topics(&topics);
            draft.as_mut().topics = topics;
            let provenance = draft.provenance();
            provenance.model.clone_from(&model);
            self.classifier
                .taxonomy()
                .clone_into(&mut provenance.taxonomy);
        }
        Ok(())
    }
}

impl Classify {
    /// Reads the articles that no stage before has read, and returns the model's version.
    fn read_unread(&self, drafts: &mut [Draft], budget: &Budget) -> Result<String, StageError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let unread = |draft: &&Draft| draft.mean.is_none();
        let articles = drafts.iter().filter(unread).map(Draft::article);
        let articles: Vec<_> = articles.collect();
        let readings = reader.read(&articles, Purpose::Topics, budget)?;
        let unread = drafts.iter_mut().filter(|draft| draft.mean.is_none());
        for (draft, reading) in unread.zip(readings) {
            draft.mean = reading.mean();
        }
        Ok(reader.model().to_owned())
    }

    /// An article without a word has no topic.
    fn topics(&self, draft: &Draft) -> Vec<Topic> {
        let Some(mean) = &draft.mean else {
            return Vec::new();
        };
        let categories = self.classifier.categories(mean).into_iter();
        let topic = |found: copydesk_classifier::Category<'_>| Topic {
            code: found.label.code.clone(),
            name: found.label.name.clone(),
            path: found.label.path.clone(),
            score: found.score,
        };
        categories.map(topic).collect()
    }
}
