//! Logs, on standard error.

use std::io::{IsTerminal, stderr};

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

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

impl Settings {
    /// Whether `level` is one that [`start`] understands.
    pub(crate) fn level_is_valid(&self) -> bool {
        EnvFilter::try_new(&self.level).is_ok()
    }
}

/// Sends the logs of this process to standard error, from now on.
pub(crate) fn start(settings: &Settings) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&settings.level))
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    match settings.format {
        Format::Text => builder.init(),
        Format::Json => builder.json().flatten_event(true).init(),
    }
}
