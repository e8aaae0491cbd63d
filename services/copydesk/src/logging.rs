//! Logs, on standard error.

use std::io::{IsTerminal, stderr};

use serde::Deserialize;
use tracing::info;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// The `log` settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// What is logged: a level, or directives such as `info,copydesk_worker=debug`.
    pub(crate) level: String,
    /// The form of a line.
    pub(crate) format: Format,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Directives that say nothing, or not what was meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadLevel {
    /// Taken as it is, it would be a module, and all others would fall silent.
    #[error(
        "{0:?} is no level: write error, warn, info, debug, trace or off, and MODULE=LEVEL for a module"
    )]
    Word(String),
    #[error(transparent)]
    Directive(#[from] ParseError),
    #[error("the logs have ended")]
    Ended(#[source] reload::Error),
}

impl Settings {
    /// Whether `level` is one that [`start`] understands.
    pub(crate) fn level_is_valid(&self) -> bool {
        filter(&self.level).is_ok()
    }
}

/// What is logged, to be asked and changed while the program runs. All clones agree.
#[derive(Clone, Debug)]
pub(crate) struct Level(reload::Handle<EnvFilter, Registry>);

impl Level {
    /// The directives in force.
    pub(crate) fn get(&self) -> Result<String, BadLevel> {
        self.0
            .with_current(EnvFilter::to_string)
            .map_err(BadLevel::Ended)
    }

    /// Puts other directives in force, or none of them where one is wrong.
    pub(crate) fn set(&self, directives: &str) -> Result<(), BadLevel> {
        let filter = filter(directives)?;
        let before = self.get()?;
        self.0.reload(filter).map_err(BadLevel::Ended)?;
        info!(before, now = self.get()?, "log level changed");
        Ok(())
    }
}

fn filter(directives: &str) -> Result<EnvFilter, BadLevel> {
    let is_plain = |word: &&str| {
        word.chars()
            .all(|char| char.is_alphanumeric() || char == '_' || char == ':')
    };
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    if let Some(word) = directives.split_whitespace().nth(1) {
        return Err(BadLevel::Word(word.to_owned()));
    }
    let mut words = directives.split(',').filter(is_plain);
    match words.find(|word| word.is_empty() || !is_level(word)) {
        Some(word) => Err(BadLevel::Word(word.to_owned())),
        // Whoever may change the level must not be able to exhaust memory by a pattern.
        None => Ok(EnvFilter::builder()
            .with_regex(false)
            .parse(directives.trim())?),
    }
}

/// Sends the logs of this process to standard error, from now on.
pub(crate) fn start(settings: &Settings) -> Level {
    let filter = filter(&settings.level).expect("the settings were checked");
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    let lines = match settings.format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    Level(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_levels_and_modules_with_a_level() {
        for directives in [
            "info",
            "WARN",
            "off",
            "info,copydesk_worker=debug",
            "a::b=trace,error",
            // As a pattern it would take a gigabyte.
            "[{x=a..............................}]=info",
        ] {
            assert!(filter(directives).is_ok(), "{directives}");
        }
    }

    #[test]
    fn mistyped_level_is_not_taken_for_a_module() {
        for directives in [
            "inof",
            "",
            "info,",
            "info,copydesk_worker",
            "a=shout",
            "a=b=c",
            "info, a\u{e9}=info",
        ] {
            assert!(filter(directives).is_err(), "{directives}");
        }
        let error = filter("warn,debgu").unwrap_err().to_string();
        assert!(error.starts_with("\"debgu\" is no level"), "{error}");
    }

    #[test]
    fn wrong_directives_change_nothing() {
        let (layer, handle) = reload::Layer::new(filter("info").unwrap());
        let level = Level(handle);

        let refused = level.set("warn,nonsense");
        let kept = level.get().unwrap();
        level.set("warn,copydesk_worker=debug").unwrap();

        assert!(matches!(refused, Err(BadLevel::Word(_))));
        assert_eq!(kept, "info");
        assert_eq!(level.get().unwrap(), "copydesk_worker=debug,warn");
        drop(layer);
    }
}
