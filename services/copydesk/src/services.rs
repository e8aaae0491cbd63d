//! The table of services: what each one reads, does and writes.

use std::fmt;

/// A Kafka topic by its part in the pipeline; the settings `topics.*` give its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Articles as scrapers send them.
    Raw,
    /// Clean articles with their entities.
    Tagged,
    /// Finished articles.
    Enriched,
}

/// A step of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StageName {
    /// Raw body to clean text.
    Clean,
    /// Clean text to entities.
    Ner,
    /// Clean text to categories.
    Classify,
}

impl StageName {
    /// Whether the stage reads the text with a model.
    pub(crate) fn needs_model(&self) -> bool {
        !matches!(self, Self::Clean)
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Clean => "clean",
            Self::Ner => "ner",
            Self::Classify => "classify",
        })
    }
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Service {
    /// The word on the command line.
    pub(crate) name: &'static str,
    /// The topic that it consumes.
    pub(crate) reads: Topic,
    /// What it does to each article, in order.
    pub(crate) stages: &'static [StageName],
    /// The topic that it produces.
    pub(crate) writes: Topic,
    /// When one runs it.
    pub(crate) when: &'static str,
}

/// Every service that `copydesk run` knows; the first is the default.
pub(crate) const SERVICES: [Service; 3] = [
    Service {
        name: "enrich",
        reads: Topic::Raw,
        stages: &[StageName::Clean, StageName::Ner, StageName::Classify],
        writes: Topic::Enriched,
        when: "one pass; the default",
    },
    Service {
        name: "ner",
        reads: Topic::Raw,
        stages: &[StageName::Clean, StageName::Ner],
        writes: Topic::Tagged,
        when: "first half, on its own",
    },
    Service {
        name: "classify",
        reads: Topic::Tagged,
        stages: &[StageName::Classify],
        writes: Topic::Enriched,
        when: "second half, on its own",
    },
];

impl Service {
    /// Finds a service by its name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        SERVICES.iter().find(|service| service.name == name)
    }
}

impl Topic {
    /// The name unless `topics.*` says otherwise.
    pub(crate) fn usual_name(self) -> &'static str {
        match self {
            Self::Raw => "articles.raw",
            Self::Tagged => "articles.tagged",
            Self::Enriched => "articles.enriched",
        }
    }
}

/// The table as `copydesk run --help` shows it.
pub(crate) fn table() -> String {
    let mut table = String::from("Services:\n");
    for service in &SERVICES {
        let stages: Vec<_> = service.stages.iter().map(StageName::to_string).collect();
        table += &format!(
            "  {:<9} {:<15} -> {:<20} -> {:<17}  {}\n",
            service.name,
            service.reads.usual_name(),
            stages.join(", "),
            service.writes.usual_name(),
            service.when,
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    fn run_help() -> String {
        let mut cli = Cli::command();
        let run = cli.find_subcommand_mut("run").expect("there is a run");
        run.render_long_help().to_string()
    }

    #[test]
    fn help_shows_the_whole_table() {
        let help = run_help();

        for service in &SERVICES {
            let row = help
                .lines()
                .find(|line| line.trim_start().starts_with(service.name) && line.contains("->"))
                .unwrap_or_else(|| panic!("no row for {} in:\n{help}", service.name));
            assert!(row.contains(service.reads.usual_name()), "{row}");
            assert!(row.contains(service.writes.usual_name()), "{row}");
            for stage in service.stages {
                assert!(row.contains(&stage.to_string()), "{row}");
            }
        }
    }

    #[test]
    fn halves_meet_in_one_topic() {
        let [enrich, ner, classify] = &SERVICES;

        assert_eq!(ner.writes, classify.reads);
        assert_eq!((ner.reads, classify.writes), (enrich.reads, enrich.writes));
        assert_eq!([ner.stages, classify.stages].concat(), enrich.stages);
    }
}
