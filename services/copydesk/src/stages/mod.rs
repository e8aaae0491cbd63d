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
use std::sync::{Arc, Mutex};

use anyhow::Context;
use copydesk_classifier::Classifier;
use copydesk_encoder::{ModelFolder, Settings};
use copydesk_ner::Tagger;
use copydesk_worker::{Pipeline, Stage};

use self::classify::Classify;
use self::clean::Clean;
pub(crate) use self::draft::Draft;
use self::metrics::Metrics;
use self::ner::Ner;
use self::reader::Reader;
use crate::services::StageName;

/// Builds the stages of a service, always in the order of the table. Loads the model where one of
/// them needs it: not for an async runtime's thread.
pub(crate) fn build(
    names: &[StageName],
    model: &Path,
    settings: &Settings,
    registry: &prometheus::Registry,
) -> anyhow::Result<Pipeline<Draft>> {
    let mut stages: Vec<Box<dyn Stage<Draft>>> = Vec::new();
    if names.contains(&StageName::Clean) {
        stages.push(Box::new(Clean));
    }
    if names.iter().any(|name| *name != StageName::Clean) {
        let model = Model::load(model, settings, registry)?;
        if names.contains(&StageName::Ner) {
            stages.push(Box::new(model.ner()?));
        }
        if names.contains(&StageName::Classify) {
            stages.push(Box::new(model.classify()?));
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

    fn classify(&self) -> anyhow::Result<Classify> {
        let classifier = Classifier::load(&self.folder).context("cannot load the topic head")?;
        let (reader, metrics) = (Arc::clone(&self.reader), Arc::clone(&self.metrics));
        Ok(Classify {
            reader,
            classifier,
            metrics,
        })
    }
}
