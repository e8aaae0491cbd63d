//! An article as the model reads it.

use std::collections::HashMap;
use std::sync::Arc;

use copydesk_classifier::Pool;
use copydesk_encoder::Window;
use copydesk_ner::{Tagger, WindowTags};
use ndarray::{Array1, ArrayView2};

use super::cache::{Finding, Key};

/// What articles are read for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'t> {
    /// Entities, and topics too: every window is read and its words are tagged.
    Entities(&'t Tagger),
    /// Topics alone: the leading windows that enter the mean are read.
    Topics,
}

/// A window of an article.
pub(crate) struct Part {
    pub(crate) window: Window,
    /// How many of its leading tokens enter the mean.
    share: usize,
    pub(crate) key: Key,
}

/// An article cut into windows, and what the model finds in them.
pub(crate) struct Reading {
    /// Windows of the title, then those of the text.
    parts: Vec<Part>,
    title_parts: usize,
    /// One for each part, once they are read.
    findings: Vec<Arc<Finding>>,
}

impl Purpose<'_> {
    fn is_tagged(&self) -> bool {
        matches!(self, Self::Entities(_))
    }

    /// What there is to find in the token vectors of a part, shape `[tokens, hidden]`.
    pub(crate) fn find(&self, part: &Part, vectors: ArrayView2<'_, f32>) -> Finding {
        let tags = match self {
            Self::Entities(tagger) => tagger.tag(&part.window, vectors),
            Self::Topics => WindowTags::default(),
        };
        Finding {
            tags,
            pool: Pool::of(&part.window, vectors, part.share),
        }
    }
}

impl Reading {
    /// Takes the windows of an article that are to be read. At most `pool_tokens` enter the mean.
    pub(crate) fn new(
        title: Vec<Window>,
        text: Vec<Window>,
        pool_tokens: usize,
        purpose: Purpose<'_>,
    ) -> Self {
        let title_parts = title.len();
        let windows = [title, text].concat();
        let shares: Vec<usize> = Pool::shares(windows.iter(), pool_tokens).collect();
        let is_tagged = purpose.is_tagged();
        let parts = windows.into_iter().zip(shares);
        let read = parts.take_while(|(_, share)| is_tagged || *share > 0);
        let parts = read.map(|(window, share)| Part {
            key: Key::new(&window, share, is_tagged),
            window,
            share,
        });
        Self {
            parts: parts.collect(),
            title_parts,
            findings: Vec::new(),
        }
    }

    /// Its windows, title first.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Takes what was found in its windows.
    pub(crate) fn fill(&mut self, found: &HashMap<Key, Arc<Finding>>) {
        let findings = self.parts.iter().map(|part| Arc::clone(&found[&part.key]));
        self.findings = findings.collect();
    }

    /// The title's windows with their tags.
    pub(crate) fn title(&self) -> impl Iterator<Item = (&Window, &WindowTags)> + Clone {
        self.tagged().take(self.title_parts)
    }

    /// The text's windows with their tags.
    pub(crate) fn text(&self) -> impl Iterator<Item = (&Window, &WindowTags)> + Clone {
        self.tagged().skip(self.title_parts)
    }

    fn tagged(&self) -> impl Iterator<Item = (&Window, &WindowTags)> + Clone {
        let found = self.parts.iter().zip(&self.findings);
        found.map(|(part, finding)| (&part.window, &finding.tags))
    }

    /// The mean of the leading token vectors, shape `[hidden]`; `None` where there is no word.
    pub(crate) fn mean(&self) -> Option<Array1<f32>> {
        let mut pool = Pool::default();
        for finding in &self.findings {
            pool.add(&finding.pool);
        }
        pool.mean()
    }
}
