//! What is found.

use std::ops::Range;
use std::sync::Arc;

/// A span of text with a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// Its label, e.g. `PERSON`.
    pub label: Arc<str>,
    /// How probable the model takes its words to have the label, at the mean; 1 for a rule.
    pub score: f32,
    /// What found it.
    pub origin: Origin,
    /// Its identity in a reference list or its usual form, where the text writes it otherwise
    /// (`hxxp://a[.]example`); empty where there is none.
    pub id: String,
}

impl Entity {
    /// Whether two entities share a character.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.range.start < other.range.end && other.range.start < self.range.end
    }
}

/// What found an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A head of the model.
    Model,
    /// A rule about how such things are written.
    Rule,
}

impl Origin {
    /// The word that records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Rule => "rule",
        }
    }
}
