//! The program under measurement.

use std::path::PathBuf;

use crate::filter::{Filter, Ready};
use crate::machine::{cores, has_gpu};
use crate::post::{Admin, Lane, PARTITIONS, Post, free_address};

/// Articles to warm up with: a few full batches.
const WARM_UP: usize = 128;

/// How Copydesk is run.
#[derive(Clone, Debug)]
pub(crate) struct Copydesk {
    pub(crate) program: PathBuf,
    pub(crate) model: PathBuf,
    pub(crate) engine: String,
    /// More settings, as `--set` takes them.
    pub(crate) settings: Vec<String>,
}

/// How it is run over Kafka.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    pub(crate) delivery: &'static str,
    /// Whether `ner` and `classify` do what `enrich` does.
    pub(crate) split: bool,
    /// Workers of each service.
    pub(crate) workers: usize,
}

impl Shift {
    /// As it comes: `enrich`, exactly once, one worker.
    pub(crate) const PLAIN: Self = Self {
        delivery: "exactly_once",
        split: false,
        workers: 1,
    };

    pub(crate) fn name(self) -> String {
        let split = if self.split { ", ner + classify" } else { "" };
        let workers = match (self.workers, self.split) {
            (1, _) => String::new(),
            (workers, false) => format!(", {workers} workers"),
            (workers, true) => format!(", {workers} workers each"),
        };
        format!("{}{split}{workers}", self.delivery.replace('_', " "))
    }
}

impl Copydesk {
    /// The same with more settings.
    pub(crate) fn with(&self, settings: &[String]) -> Self {
        let mut other = self.clone();
        other.settings.extend_from_slice(settings);
        other
    }

    /// `copydesk text`.
    pub(crate) fn filter(&self) -> Filter {
        let args = ["text", "--log", "warn", "--jsonl", "-"].map(str::to_owned);
        Filter {
            name: "in process".to_owned(),
            program: self.program.clone(),
            args: args.into_iter().chain(self.flags(Vec::new())).collect(),
            ready: Ready::Answers(WARM_UP),
        }
    }

    /// `copydesk run`, as often as it takes; the services in the order of a record's way.
    pub(crate) fn posts(&self, shift: Shift, lane: &Lane) -> anyhow::Result<Vec<Post>> {
        let services: &[&str] = if shift.split {
            &["ner", "classify"]
        } else {
            &["enrich"]
        };
        let each = |service| (0..shift.workers).map(move |instance| (service, instance));
        services
            .iter()
            .flat_map(each)
            .map(|(service, instance)| self.post(service, instance, shift, lane))
            .collect()
    }

    fn post(
        &self,
        service: &str,
        instance: usize,
        shift: Shift,
        lane: &Lane,
    ) -> anyhow::Result<Post> {
        let address = free_address()?;
        let settings = vec![
            format!("topics.raw={}", lane.raw.name),
            format!("topics.tagged={}", lane.tagged.name),
            format!("topics.enriched={}", lane.enriched.name),
            format!("topics.dead_letters={}", lane.dead_letters.name),
            format!("kafka.group={}.{service}", lane.raw.name),
            format!(
                "kafka.transactional_id={}.{service}.{instance}",
                lane.raw.name
            ),
            format!("kafka.instance={instance}"),
            format!("kafka.delivery={}", shift.delivery),
            format!("encoder.threads={}", cores().div_ceil(shift.workers)),
            format!("admin.bind={address}"),
        ];
        let args = ["run", service, "--log", "warn", "--brokers", lane.bootstrap];
        let args = args.map(str::to_owned).into_iter();
        Ok(Post {
            program: self.program.clone(),
            args: args.chain(self.flags(settings)).collect(),
            admin: Some(Admin {
                address,
                partitions: PARTITIONS as usize / shift.workers,
                reads_raw: service != "classify",
            }),
        })
    }

    /// Settings as flags; those that were asked for come last and so are in force.
    fn flags(&self, more: Vec<String>) -> impl Iterator<Item = String> {
        let model = format!("model.path={}", self.model.display());
        let engine = format!("encoder.engine={}", self.engine);
        let settings = more.into_iter().chain([model, engine]);
        let settings = settings.chain(self.settings.clone());
        settings.flat_map(|setting| ["--set".to_owned(), setting])
    }

    /// The numbers that the engine calculates with on the CPU, whose limit is known.
    pub(crate) fn numbers(&self) -> Option<&'static str> {
        match self.engine.as_str() {
            "openvino" => Some("int8"),
            "torch" if !has_gpu() => Some("bf16"),
            _ => None,
        }
    }
}
