//! Tags of the BIO scheme.

use std::sync::Arc;

/// A tag of the BIO scheme (Ramshaw and Marcus, 1995, in the form of CoNLL 2002).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Outside of any entity: `O`.
    Outside,
    /// The first word of an entity: `B-PERSON`.
    Begin(Arc<str>),
    /// A later word of an entity: `I-PERSON`.
    Inside(Arc<str>),
}

impl Tag {
    /// Reads a tag as it is written.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        match written.split_once('-') {
            Some(("B", label)) => Some(Self::Begin(label.into())),
            Some(("I", label)) => Some(Self::Inside(label.into())),
            _ => (written == "O").then_some(Self::Outside),
        }
    }

    /// The label of the entity that the word belongs to.
    pub(crate) fn label(&self) -> Option<&Arc<str>> {
        match self {
            Self::Outside => None,
            Self::Begin(label) | Self::Inside(label) => Some(label),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_form_is_no_tag() {
        assert_eq!([Tag::parse("E-LOC"), Tag::parse("")], [None, None]);
    }
}
