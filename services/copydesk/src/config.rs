//! The settings, as the rest of the program reads them. `default.toml` says what each one means.

use std::path::PathBuf;
use std::time::Duration;

use copydesk_worker::config as worker;
use serde::Deserialize;

use crate::Outcome;
use crate::layer::{BadSetting, Layers};
use crate::logging;
use crate::services::{SERVICES, Service, Topic};

/// All settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) log: logging::Settings,
    pub(crate) kafka: worker::Kafka,
    pub(crate) topics: Topics,
    pub(crate) input: worker::Input,
    pub(crate) output: worker::Output,
    pub(crate) batch: worker::Batch,
    pub(crate) limits: worker::Limits,
    pub(crate) retry: worker::Retry,
    pub(crate) tracing: worker::Tracing,
    pub(crate) admin: worker::Admin,
    pub(crate) model: Model,
    pub(crate) encoder: copydesk_encoder::Settings,
    pub(crate) classify: Classify,
}

/// Names of the Kafka topics.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topics {
    pub(crate) raw: String,
    pub(crate) tagged: String,
    pub(crate) enriched: String,
    pub(crate) dead_letters: String,
}

/// Where the model is, and what is kept of what it finds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) path: PathBuf,
    pub(crate) profile: Profile,
    /// How often the folder is looked at; 0 for never.
    pub(crate) watch_ms: u64,
    pub(crate) cache_mib: usize,
}

impl Model {
    /// How often the folder is looked at; zero for never.
    pub(crate) fn watch(&self) -> Duration {
        Duration::from_millis(self.watch_ms)
    }
}

/// Which of the models of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    /// The one that finds most.
    Accurate,
    /// One of fewer layers with the same labels.
    Fast,
}

/// Topics besides those of the model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Classify {
    pub(crate) topics: Vec<OwnTopic>,
}

/// A topic of the user's own, found by its description.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnTopic {
    /// What records call it; the name where it is left out.
    pub(crate) code: Option<String>,
    pub(crate) name: String,
    /// What articles about it are about, in a sentence or two.
    pub(crate) description: String,
    /// The score from which an article has it.
    #[serde(default = "half")]
    pub(crate) threshold: f32,
}

impl OwnTopic {
    /// What records call it.
    pub(crate) fn code(&self) -> &str {
        self.code.as_ref().unwrap_or(&self.name)
    }
}

fn half() -> f32 {
    0.5
}

impl Config {
    /// Reads and checks the settings.
    pub(crate) fn read(layers: &Layers) -> Result<Self, BadSetting> {
        let config: Self = layers.extract()?;
        if !config.log.level_is_valid() {
            let expected = "it must be error, warn, info, debug, trace, or these by module";
            return Err(layers.refuse("log.level", expected));
        }
        if let Some(setting) = config.topics.shared() {
            return Err(layers.refuse(&setting, "each topic must have a name of its own"));
        }
        if let Some((setting, expected)) = config.classify.fault() {
            return Err(layers.refuse(&setting, expected));
        }
        for service in &SERVICES {
            let checked = config.worker(service).validate();
            checked.map_err(|error| layers.refuse(error.setting(), error.expected()))?;
        }
        Ok(config)
    }

    /// What the worker of a service is told.
    pub(crate) fn worker(&self, service: &Service) -> worker::Config {
        let (input, output) = (service.reads, service.writes);
        self.worker_between(
            service.name,
            self.topics.name(input),
            self.topics.name(output),
        )
    }

    /// What a replay is told. Its transactional id is its group's name: of two replays of a group,
    /// whatever their instance, the later one stops the earlier.
    pub(crate) fn replay(&self, group: Option<&str>) -> worker::Config {
        const SERVICE: &str = "replay";
        let Topics {
            raw, dead_letters, ..
        } = &self.topics;
        let mut config = self.worker_between(SERVICE, dead_letters, raw);
        let own = match config.kafka.group.contains("{service}") {
            true => config.kafka.group.replace("{service}", SERVICE),
            // Not the workers' own group, which has members.
            false => format!("{}.{SERVICE}", config.kafka.group),
        };
        config.kafka.group = group.map_or(own, str::to_owned);
        config.kafka.transactional_id = config.kafka.group.clone();
        config
    }

    fn worker_between(&self, service: &str, input: &str, output: &str) -> worker::Config {
        worker::Config {
            service: service.to_owned(),
            kafka: self.kafka.clone(),
            topics: worker::Topics {
                input: input.to_owned(),
                output: output.to_owned(),
                dead_letters: self.topics.dead_letters.clone(),
            },
            input: self.input.clone(),
            output: self.output.clone(),
            batch: self.batch.clone(),
            limits: self.limits.clone(),
            retry: self.retry.clone(),
            tracing: self.tracing.clone(),
        }
    }
}

impl Classify {
    /// A setting that cannot be, and what would be right.
    fn fault(&self) -> Option<(String, &'static str)> {
        let faults = self.topics.iter().enumerate().map(|(i, topic)| {
            let fault = if topic.name.trim().is_empty() {
                ("name", "a topic needs a name")
            } else if topic.description.trim().is_empty() {
                (
                    "description",
                    "it must say what articles about the topic are about",
                )
            } else if !(0.0..=1.0).contains(&topic.threshold) {
                ("threshold", "it must be from 0 to 1")
            } else {
                return None;
            };
            Some((format!("classify.topics.{i}.{}", fault.0), fault.1))
        });
        faults.flatten().next()
    }
}

impl Topics {
    /// The name that a topic has here.
    pub(crate) fn name(&self, topic: Topic) -> &str {
        match topic {
            Topic::Raw => &self.raw,
            Topic::Tagged => &self.tagged,
            Topic::Enriched => &self.enriched,
        }
    }

    /// A setting whose name an earlier one has, or that has none.
    fn shared(&self) -> Option<String> {
        let names = [
            ("topics.raw", &self.raw),
            ("topics.tagged", &self.tagged),
            ("topics.enriched", &self.enriched),
            ("topics.dead_letters", &self.dead_letters),
        ];
        let taken = |i: usize| {
            names
                .iter()
                .take(i)
                .any(|(_, earlier)| *earlier == names[i].1)
        };
        let shared = (0..names.len()).find(|&i| names[i].1.is_empty() || taken(i));
        shared.map(|i| names[i].0.to_owned())
    }
}

/// Prints every setting with its origin.
#[allow(clippy::print_stdout, reason = "this is what was asked for")]
pub(crate) fn print(layers: &Layers) -> anyhow::Result<Outcome> {
    for line in layers.lines()? {
        println!("{line}");
    }
    Ok(Outcome::Complete)
}
