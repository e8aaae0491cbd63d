//! The stages: the article's fields on one side, the text crates on the other.
//!
//! `clean` turns the raw body into clean text, `ner` adds entities, `classify` adds topics. Where
//! `ner` and `classify` run in one process they share one [`Reader`], and `classify` takes the mean
//! that `ner` left on the [`Draft`]: every window is encoded once.

mod cache;
mod classify;
mod clean;
mod draft;
mod metrics;
mod ner;
mod position;
mod reader;
mod reading;
mod threads;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use copydesk_classifier::Classifier;
use copydesk_encoder::{CategoryLabel, ModelFolder, Settings};
use copydesk_ner::{RULE_LABELS, Tagger};
use copydesk_worker::{Pipeline, Stage};

use self::classify::Classify;
use self::clean::Clean;
pub(crate) use self::draft::Draft;
pub(crate) use self::metrics::Metrics;
use self::ner::Ner;
use self::reader::Reader;
use self::reading::Purpose;
use self::threads::Threads;
use crate::config::{Config, OwnTopic};
use crate::services::StageName;

/// What every model must be able to read.
const TRIAL: &str = "Zoë Kravitz flew from Zürich to São Paulo on Tuesday.";

/// Builds the stages of a service, again for each model.
pub(crate) struct Builder {
    names: Vec<StageName>,
    settings: Settings,
    cache_bytes: usize,
    topics: Vec<OwnTopic>,
    threads: Threads,
    metrics: Arc<Metrics>,
}

/// Stages around a model.
pub(crate) struct Built {
    pub(crate) pipeline: Pipeline<Draft>,
    /// None where no stage needs one.
    pub(crate) model: Option<Face>,
}

impl Builder {
    /// Declares the stages' metrics.
    pub(crate) fn new(
        names: &[StageName],
        config: &Config,
        registry: &prometheus::Registry,
    ) -> anyhow::Result<Self> {
        let metrics = Metrics::new(registry).context("cannot register metrics")?;
        Ok(Self {
            names: names.to_owned(),
            settings: config.encoder.clone(),
            cache_bytes: config.model.cache_mib << 20,
            topics: config.classify.topics.clone(),
            threads: Threads::start(config.encoder.threads).context("cannot start threads")?,
            metrics: Arc::new(metrics),
        })
    }

    /// What the stages count.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Shows the model that is in use in the metrics, in the place of any other, and what its
    /// stages may find.
    pub(crate) fn show(&self, model: Option<&Face>) {
        let Some(Face { folder, engine }) = model else {
            return;
        };
        self.metrics.show_model(folder, engine);
        if self.names.contains(&StageName::Ner) {
            let tags = folder.tag_heads().iter().flat_map(|head| &head.tags);
            let labels = tags.filter_map(|tag| tag.strip_prefix("B-"));
            self.metrics.expect_labels(labels.chain(RULE_LABELS));
        }
        if self.names.contains(&StageName::Classify) {
            let usual = folder.topic_head().categories.iter();
            let usual = usual.map(|category| category.code.as_str());
            let own = self.topics.iter().map(OwnTopic::code);
            self.metrics.expect_codes(usual.chain(own));
        }
    }

    /// Builds the stages, always in the order of the table. Loads the model and tries it out where
    /// one of them needs it: not for an async runtime's thread.
    pub(crate) fn build(&self, folder: &Path) -> anyhow::Result<Built> {
        let mut stages: Vec<Box<dyn Stage<Draft>>> = Vec::new();
        if self.names.contains(&StageName::Clean) {
            let threads = self.threads.clone();
            stages.push(Box::new(Clean { threads }));
        }
        let mut face = None;
        if self.names.iter().any(StageName::needs_model) {
            let model = self.load(folder)?;
            if self.names.contains(&StageName::Ner) {
                stages.push(Box::new(model.ner()?));
            }
            if self.names.contains(&StageName::Classify) {
                stages.push(Box::new(model.classify(&self.topics)?));
            }
            face = Some(Face {
                folder: model.folder,
                engine: model.engine,
            });
        }
        let pipeline = Pipeline::new(stages);
        Ok(Built {
            pipeline,
            model: face,
        })
    }

    fn load(&self, folder: &Path) -> anyhow::Result<Model> {
        let folder = ModelFolder::open(folder).context("cannot open the model folder")?;
        let (threads, metrics) = (self.threads.clone(), Arc::clone(&self.metrics));
        let reader = Reader::load(&folder, &self.settings, self.cache_bytes, threads, metrics);
        let reader = reader.context("cannot load the encoder")?;
        Ok(Model {
            folder,
            engine: reader.engine(),
            reader: Arc::new(Mutex::new(reader)),
            metrics: Arc::clone(&self.metrics),
        })
    }
}

/// What is to be said of a model.
pub(crate) struct Face {
    folder: ModelFolder,
    engine: String,
}

impl Face {
    /// Name and version, as records have them.
    pub(crate) fn version(&self) -> String {
        self.folder.version()
    }
}

/// What `ner` and `classify` share.
struct Model {
    folder: ModelFolder,
    engine: String,
    reader: Arc<Mutex<Reader>>,
    metrics: Arc<Metrics>,
}

impl Model {
    /// The stage, which has read some words to see that it can.
    fn ner(&self) -> anyhow::Result<Ner> {
        let tagger = Tagger::load(&self.folder).context("cannot load the tag heads")?;
        self.reader()
            .mean(TRIAL.to_owned(), Purpose::Entities(&tagger))?;
        Ok(Ner {
            reader: Arc::clone(&self.reader),
            tagger,
            metrics: Arc::clone(&self.metrics),
        })
    }

    /// The stage, which has read some words to see that it can.
    fn classify(&self, own: &[OwnTopic]) -> anyhow::Result<Classify> {
        let mut classifier =
            Classifier::load(&self.folder).context("cannot load the topic head")?;
        for topic in own {
            self.describe(topic, &mut classifier)
                .with_context(|| format!("cannot add the topic {:?}", topic.name))?;
        }
        let mean = self.reader().mean(TRIAL.to_owned(), Purpose::Topics)?;
        classifier.categories(&mean.context("the model sees no word in a sentence")?);
        Ok(Classify {
            reader: Arc::clone(&self.reader),
            classifier,
            metrics: Arc::clone(&self.metrics),
        })
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a topic that is known by its description.
    fn describe(&self, topic: &OwnTopic, classifier: &mut Classifier) -> anyhow::Result<()> {
        let text = format!("{}. {}", topic.name, topic.description);
        let mean = self.reader().mean(text, Purpose::Topics)?;
        let label = CategoryLabel {
            code: topic.code().to_owned(),
            name: topic.name.clone(),
            path: vec![topic.code().to_owned()],
            threshold: topic.threshold,
        };
        Ok(classifier.describe(label, &mean.context("its description has no word")?)?)
    }
}
