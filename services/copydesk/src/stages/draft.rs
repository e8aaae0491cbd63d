//! The work in progress on one article.

use copydesk_cleaner::OffsetMap;
use copydesk_proto::{Article, Provenance};
use ndarray::Array1;

/// An article and what its stages tell each other about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    article: Article,
    /// Where the characters of the title and the text stood in the raw fields; `None` where the
    /// field did not come in raw (a headline found in the page) or was cleaned by another service.
    pub(crate) title_map: Option<OffsetMap>,
    pub(crate) text_map: Option<OffsetMap>,
    /// The mean of the leading token vectors, shape `[hidden]`, once a stage has read the article.
    pub(crate) mean: Option<Array1<f32>>,
}

impl Draft {
    /// The article's provenance.
    pub(crate) fn provenance(&mut self) -> &mut Provenance {
        self.article.provenance.get_or_insert_default()
    }

    /// The article, to read it.
    pub(crate) fn article(&self) -> &Article {
        &self.article
    }
}

impl From<Article> for Draft {
    fn from(article: Article) -> Self {
        let mut draft = Self {
            article,
            ..Self::default()
        };
        draft.provenance().copydesk = env!("CARGO_PKG_VERSION").to_owned();
        draft
    }
}

impl From<Draft> for Article {
    fn from(draft: Draft) -> Self {
        draft.article
    }
}

impl AsMut<Article> for Draft {
    fn as_mut(&mut self) -> &mut Article {
        &mut self.article
    }
}
