//! The articles of a run: numbered, keyed, some of them poison.

use anyhow::Context;
use copydesk_tests::Record;
use fastrand::Rng;
use serde_json::json;

/// Keys of the articles: several to a partition.
const KEYS: usize = 24;
/// Largest value that the workers decode.
pub(crate) const MAX_VALUE_BYTES: usize = 4096;
/// Text that makes the stage panic.
const PANIC: &str = "panic";
/// The header that says what is to become of an article: the reason, empty where it is good.
pub(crate) const KIND: &str = "chaos.kind";
const NUMBER: &str = "chaos.number";

/// What is to become of an article.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Good,
    BadJson,
    Panics,
    TooLarge,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Good, Self::BadJson, Self::Panics, Self::TooLarge];

    /// One in 30 is poison.
    fn random(random: &mut Rng) -> Self {
        match random.u32(..90) {
            0 => Self::BadJson,
            1 => Self::Panics,
            2 => Self::TooLarge,
            _ => Self::Good,
        }
    }

    /// The reason in its dead letter; empty where it is enriched.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Good => "",
            Self::BadJson => "bad_json",
            Self::Panics => "stage_panicked",
            Self::TooLarge => "value_too_large",
        }
    }
}

/// An article, and what its record says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Article {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Article {
    pub(crate) fn random(number: u64, random: &mut Rng) -> Self {
        let kind = Kind::random(random);
        let text = match kind {
            Kind::Panics => format!("{PANIC} {number}"),
            Kind::TooLarge => "large ".repeat(MAX_VALUE_BYTES / 4),
            _ => format!("Zoë 👩‍🚀 writes article {number} in Zürich"),
        };
        Self { number, kind, text }
    }

    /// The record; headers say what it is, since not every value can be read.
    pub(crate) fn record(&self, random: &mut Rng) -> Record {
        let mut value = json!({"id": self.number.to_string(), "text": self.text}).to_string();
        if self.kind == Kind::BadJson {
            value.pop();
        }
        Record::new(value)
            .key(format!("key {}", random.usize(..KEYS)))
            .header(KIND, self.kind.reason())
            .header(NUMBER, self.number.to_string())
    }

    /// Reads what a record says about its article. Workers pass headers on: this also tells which
    /// article a record of theirs belongs to.
    pub(crate) fn of(record: &Record) -> anyhow::Result<Self> {
        let number = record.header_text(NUMBER);
        let number = number.parse().context("no number of an article")?;
        let reason = record.header_text(KIND);
        let kind = Kind::ALL.into_iter().find(|kind| kind.reason() == reason);
        let kind = kind.context("no kind of an article")?;
        let text = match kind {
            Kind::BadJson => String::new(),
            _ => record.json()["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        };
        Ok(Self { number, kind, text })
    }
}

/// What the stage makes of a text.
pub(crate) fn transformed(text: &str) -> String {
    assert!(!text.starts_with(PANIC), "poison");
    text.to_uppercase()
}
