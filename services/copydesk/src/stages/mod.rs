//! The stages: the article's fields on one side, the text crates on the other.
//!
//! `clean` turns the raw body into clean text, `ner` adds entities, `classify` adds topics. Where
//! `ner` and `classify` run in one process they share one [`Reader`], and `classify` takes the mean
//! that `ner` left on the [`Draft`]: every window is encoded once.

mod classify;
mod clean;
mod draft;
mod metrics;
mod ner;
mod position;
mod reader;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use copydesk_classifier::Classifier;
use copydesk_encoder::{CategoryLabel, ModelFolder, Settings};
use copydesk_ner::Tagger;
use copydesk_worker::{Pipeline, Stage};

use self::classify::Classify;
use self::clean::Clean;
pub(crate) use self::draft::Draft;
use self::metrics::Metrics;
use self::ner::Ner;
use self::reader::Reader;
use crate::config::{Config, OwnTopic};
use crate::services::StageName;

/// Builds the stages of a service, always in the order of the table. Loads the model where one of
/// them needs it: not for an async runtime's thread.
pub(crate) fn build(
    names: &[StageName],
    model: &Path,
    config: &Config,
    registry: &prometheus::Registry,
) -> anyhow::Result<Pipeline<Draft>> {
    let mut stages: Vec<Box<dyn Stage<Draft>>> = Vec::new();
    if names.contains(&StageName::Clean) {
        stages.push(Box::new(Clean));
    }
    if names.iter().any(|name| *name != StageName::Clean) {
        let model = Model::load(model, &config.encoder, registry)?;
        if names.contains(&StageName::Ner) {
            stages.push(Box::new(model.ner()?));
        }
        if names.contains(&StageName::Classify) {
            stages.push(Box::new(model.classify(&config.classify.topics)?));
        }
    }
    Ok(Pipeline::new(stages))
}

/// What `ner` and `classify` share.
struct Model {
    folder: ModelFolder,
    reader: Arc<Mutex<Reader>>,
    metrics: Arc<Metrics>,
}

impl Model {
    fn load(
        path: &Path,
        settings: &Settings,
        registry: &prometheus::Registry,
    ) -> anyhow::Result<Self> {
        let folder = ModelFolder::open(path).context("cannot open the model folder")?;
        let metrics = Arc::new(Metrics::new(registry).context("cannot register metrics")?);
        let reader = Reader::load(&folder, settings, Arc::clone(&metrics));
        let reader = reader.context("cannot load the encoder")?;
        Ok(Self {
            folder,
            reader: Arc::new(Mutex::new(reader)),
            metrics,
        })
    }

    fn ner(&self) -> anyhow::Result<Ner> {
        let tagger = Tagger::load(&self.folder).context("cannot load the tag heads")?;
        Ok(Ner {
            reader: Arc::clone(&self.reader),
            tagger,
            metrics: Arc::clone(&self.metrics),
        })
    }

    fn classify(&self, own: &[OwnTopic]) -> anyhow::Result<Classify> {
        let mut classifier =
            Classifier::load(&self.folder).context("cannot load the topic head")?;
        for topic in own {
            self.describe(topic, &mut classifier)
                .with_context(|| format!("cannot add the topic {:?}", topic.name))?;
        }
        Ok(Classify {
            reader: Arc::clone(&self.reader),
            classifier,
            metrics: Arc::clone(&self.metrics),
        })
    }

    /// Adds a topic that is known by its description.
    fn describe(&self, topic: &OwnTopic, classifier: &mut Classifier) -> anyhow::Result<()> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mean = reader.mean(format!("{}. {}", topic.name, topic.description))?;
        let code = topic.code.as_ref().unwrap_or(&topic.name);
        let label = CategoryLabel {
            code: code.clone(),
            name: topic.name.clone(),
            path: vec![code.clone()],
            threshold: topic.threshold,
        };
        Ok(classifier.describe(label, &mean.context("its description has no word")?)?)
    }
}
