//! The command line: what can be asked of the program, and how it explains itself.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::services::{self, SERVICES, StageName};

const OVERVIEW: &str = "\
Copydesk reads raw news articles, cleans them, and adds the entities in them and the topics they are
about. It works on files (`copydesk text`) and on Kafka, where articles stream from one topic to
another (`copydesk run`).";

const EXAMPLES: &str = "\
Examples:
  copydesk text story.txt                         one article, enriched, as JSON
  copydesk text --format pretty page.html         the same for people
  copydesk text --jsonl articles.jsonl.gz | head  many articles, one JSON object a line
  copydesk feed --brokers localhost:9092 news/    put a folder of articles on Kafka
  copydesk run --brokers localhost:9092           enrich what is there, until stopped
  copydesk tail --brokers localhost:9092          watch the enriched articles come out
  copydesk replay --brokers localhost:9092        send back what was rejected, to try it again

Settings come from the defaults, then the file of --config, then the environment
(COPYDESK__KAFKA__BROKERS=localhost:9092), then flags (--set kafka.brokers=localhost:9092).
`copydesk run --check-config` shows them all, and where each comes from.";

/// Streaming news enrichment: raw articles in, entities and topics out.
#[derive(Debug, Parser)]
#[command(name = "copydesk", version, long_about = OVERVIEW, after_help = EXAMPLES)]
#[command(max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Settings that every command takes.
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

/// Flags that change settings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingFlags {
    /// Read settings from this TOML file.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Change one setting, e.g. `--set batch.max_records=32`; may be given again.
    #[arg(long, global = true, value_name = "SETTING=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
    /// Log only what is this grave: error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
}

/// The flag of the commands that speak to Kafka.
#[derive(Debug, Args)]
pub(crate) struct KafkaFlags {
    /// Addresses of the Kafka cluster: HOST:PORT, several with commas between.
    #[arg(long, value_name = "BROKERS")]
    pub(crate) brokers: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enrich articles from Kafka topic to Kafka topic, until stopped.
    Run(RunArgs),
    /// Enrich files, without Kafka.
    Text(TextArgs),
    /// Put articles from files on a Kafka topic.
    Feed(FeedArgs),
    /// Show enriched articles as they come out of Kafka.
    Tail(TailArgs),
    /// Send dead letters back to the topics that they came from.
    Replay(ReplayArgs),
}

impl Cli {
    /// The settings that flags change: flag, setting, value.
    pub(crate) fn overrides(&self) -> Vec<(String, &str, &str)> {
        let set = self.settings.set.iter();
        let mut overrides: Vec<_> = set
            .map(|(setting, value)| (format!("--set {setting}"), setting.as_str(), value.as_str()))
            .collect();
        if let Some(brokers) = self.command.brokers() {
            overrides.push(("--brokers".to_owned(), "kafka.brokers", brokers));
        }
        if let Some(level) = &self.settings.log {
            overrides.push(("--log".to_owned(), "log.level", level));
        }
        overrides
    }
}

impl Command {
    /// The value of `--brokers`, where it was given.
    pub(crate) fn brokers(&self) -> Option<&str> {
        let kafka = match self {
            Self::Run(args) => &args.kafka,
            Self::Feed(args) => &args.kafka,
            Self::Tail(args) => &args.kafka,
            Self::Replay(args) => &args.kafka,
            Self::Text(_) => return None,
        };
        kafka.brokers.as_deref()
    }
}

/// Flags of `copydesk run`.
#[derive(Debug, Args)]
#[command(after_help = services::table())]
#[command(after_long_help = services::table() + "
A service is ready (GET /readyz on `admin.bind`) once the model is loaded and the broker answers.
SIGTERM and SIGINT stop it within 10 s: the batch in hand is committed, nothing is lost or doubled.
Run it again, or run several at once: the workers of a service share the partitions between them.

Exit codes: 0 stopped as asked, 1 cannot go on, 2 bad usage or settings.")]
pub(crate) struct RunArgs {
    /// Which service to run.
    #[arg(default_value = SERVICES[0].name, hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(SERVICES.map(|service| service.name)))]
    pub(crate) service: String,
    /// Where Kafka is.
    #[command(flatten)]
    pub(crate) kafka: KafkaFlags,
    /// Print every setting, its value and where it comes from, and exit.
    #[arg(long)]
    pub(crate) check_config: bool,
}

/// Flags of `copydesk text`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A FILE is one article by its ending: .html and .htm are a web page, .json is a raw article as a JSON
object, .jsonl and .ndjson hold one such object a line, anything else is plain text. Each may be
compressed (.gz). Of a folder, all files with these endings or .txt are read, in the order of names.
Without FILE, or for `-`, standard input is read: plain text, or JSON lines with --jsonl.

A raw article has `text` or `html`, and where known `id`, `url`, `source`, `title`, `language`,
`published_at`, `fetched_at` and `metadata`. Without `id`, the file's name becomes its id.

Examples:
  copydesk text story.txt | jq '.entities[] | [.text, .label]'
  copydesk text --stages clean page.html.gz | jq -r .text
  zcat articles.jsonl.gz | copydesk text --jsonl --format pretty - | less -R

Exit codes: 0 all read, 1 an input could not be read (the others still come out), 2 bad usage.")]
pub(crate) struct TextArgs {
    /// Files, folders, or `-` for standard input.
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What to do to each article; several with commas between.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "STAGES",
        num_args = 1
    )]
    #[arg(default_value = "clean,ner,classify")]
    pub(crate) stages: Vec<StageName>,
    /// How to write the enriched articles.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "json")]
    pub(crate) format: OutputFormat,
    /// Read each line of every input as one raw article.
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Say on standard error how many articles and words a second went through.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// Flags of `copydesk feed`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Files are told apart as `copydesk text` does; standard input (`-`) is read as JSON lines. What is no
article is named and left out, unless --raw sends it as it is.

Examples:
  copydesk feed --brokers localhost:9092 articles.jsonl.gz
  copydesk feed --brokers localhost:9092 --rate 20 stories/
  my-scraper | copydesk feed --brokers localhost:9092 -

Exit codes: 0 all delivered, 1 something could not be read or delivered, 2 bad usage.")]
pub(crate) struct FeedArgs {
    /// Files, folders, or `-` for standard input.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where Kafka is.
    #[command(flatten)]
    pub(crate) kafka: KafkaFlags,
    /// The topic to feed [default: the setting topics.raw].
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Send at most this many articles a second.
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Send what is no article, too.
    #[arg(long)]
    pub(crate) raw: bool,
}

/// Flags of `copydesk tail`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Only committed records are shown. Nothing is changed on the broker, and no worker is held up.

Examples:
  copydesk tail --brokers localhost:9092
  copydesk tail --brokers localhost:9092 --max 10 --timeout-s 30 --format json > ten.jsonl

Exit codes: 0 shown, 1 fewer than --max came, or the broker does not answer, 2 bad usage.")]
pub(crate) struct TailArgs {
    /// Where Kafka is.
    #[command(flatten)]
    pub(crate) kafka: KafkaFlags,
    /// The topic to show [default: the setting topics.enriched].
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
    /// Stop after this many articles.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,
    /// Stop when no article has come for this many seconds.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout_s: Option<u64>,
    /// Begin with the oldest article on the topic (the default).
    #[arg(long, conflicts_with = "new")]
    pub(crate) from_beginning: bool,
    /// Begin with the next article that comes.
    #[arg(long)]
    pub(crate) new: bool,
    /// How to show the articles.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    pub(crate) format: OutputFormat,
}

/// Flags of `copydesk replay`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Each record goes back as it came: key, value, headers, time and partition, with one header more that
counts how often (`copydesk.replays`). Without filters, all dead letters go that have not gone before.

A dead letter is sent back once, also when a replay is killed and run again: what was sent is noted
among the dead letters, in the same transaction (records with the header `copydesk.replay.group`).
It stays on its topic. One that was left out can be sent by a later replay. With another --group, all
are sent once more. A replay ends by itself, and stops another one that runs with its group.

TIME is the record's own, not that of its rejection: 2026-11-22T18:00:00Z, or 2h for two hours ago.
A record keeps it, so that one older than its topic's retention.ms may be deleted before it is read.

Examples:
  copydesk replay --brokers localhost:9092 --dry-run
  copydesk replay --brokers localhost:9092 --stage ner --since 2h
  copydesk replay --brokers localhost:9092 --reason bad_json,no_body --limit 10

Exit codes: 0 all sent, 1 some cannot be sent or Kafka has failed (run it again), 2 bad usage.")]
pub(crate) struct ReplayArgs {
    /// Where Kafka is.
    #[command(flatten)]
    pub(crate) kafka: KafkaFlags,
    /// Consumer group whose progress counts [default: as kafka.group, for the service `replay`].
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// Only what was rejected for this reason, e.g. bad_json; several with commas between.
    #[arg(long, value_delimiter = ',', value_name = "REASON", num_args = 1)]
    pub(crate) reason: Vec<String>,
    /// Only what was rejected by this stage, or by `decode` or `produce`; several with commas.
    #[arg(long, value_delimiter = ',', value_name = "STAGE", num_args = 1)]
    pub(crate) stage: Vec<String>,
    /// Only what came from this topic; several with commas between.
    #[arg(long, value_delimiter = ',', value_name = "TOPIC", num_args = 1)]
    pub(crate) topic: Vec<String>,
    /// Only records from this time on.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<SystemTime>,
    /// Only records before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<SystemTime>,
    /// Send at most so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How --dry-run shows the dead letters.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: LetterFormat,
}

/// A form of dead letters on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LetterFormat {
    /// One JSON object a line.
    Json,
    /// For people: one line each.
    Table,
}

/// A form of enriched articles on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// One JSON object a line.
    Json,
    /// For people: entities marked in the text.
    Pretty,
}

/// Parses `setting=value`.
fn setting(flag: &str) -> Result<(String, String), String> {
    match flag.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected SETTING=VALUE, e.g. batch.max_records=32".to_owned()),
    }
}

/// Parses a time, or how long ago it was.
fn time(flag: &str) -> Result<SystemTime, String> {
    if let Ok(time) = humantime::parse_rfc3339(flag) {
        return Ok(time);
    }
    let ago = humantime::parse_duration(flag).ok();
    ago.and_then(|ago| SystemTime::now().checked_sub(ago))
        .ok_or_else(|| "expected a time such as 2026-11-22T18:00:00Z, or 2h".to_owned())
}

/// Parses a number of articles a second.
/// Articles a second: one in eleven days.
const MIN_RATE: f64 = 1e-6;

fn rate(flag: &str) -> Result<f64, String> {
    match flag.parse() {
        Ok(rate) if (MIN_RATE..f64::INFINITY).contains(&rate) => Ok(rate),
        _ => Err(format!("expected a number, {MIN_RATE} or more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn stages_are_one_word_with_commas() {
        let cli = Cli::try_parse_from(["copydesk", "text", "--stages", "clean,ner", "a", "b"]);

        let Command::Text(args) = cli.unwrap().command else {
            panic!("not text");
        };
        assert_eq!(args.stages, [StageName::Clean, StageName::Ner]);
        assert_eq!(args.files.len(), 2);
    }

    #[test]
    fn time_is_a_date_or_an_age() {
        let date = time("2023-11-14T22:13:20Z").unwrap();

        let since_epoch = date.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since_epoch.as_secs(), 1_700_000_000);
        let age = time("2h 30m").unwrap().elapsed().unwrap();
        assert_eq!(age.as_secs() / 60, 150);
        for flag in ["yesterday", "", "2026-11-22", "90000000000000years"] {
            assert!(time(flag).is_err(), "{flag}");
        }
    }

    #[test]
    fn rate_is_one_that_can_be_waited_for() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for flag in ["0", "-1", "1e-20", "inf", "NaN", "fast"] {
            assert!(rate(flag).is_err(), "{flag}");
        }
    }

    #[test]
    fn every_command_has_its_help() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{}", argument.get_id());
            }
        }
    }
}
