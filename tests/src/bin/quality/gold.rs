//! Files of gold annotations.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use copydesk_proto::Article;
use flate2::read::MultiGzDecoder;

/// A span in a raw body: start and end in code points, label.
pub(crate) type Span = (u32, u32, String);

/// The lines of a gzipped file.
pub(crate) fn lines(path: &Path) -> anyhow::Result<impl Iterator<Item = std::io::Result<String>>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(BufReader::new(MultiGzDecoder::new(file)).lines())
}

/// The model's entities as spans of the raw body; those without a place there are left out.
pub(crate) fn raw_spans(article: &Article) -> impl Iterator<Item = Span> {
    article
        .entities
        .iter()
        .filter(|entity| entity.field == "text")
        .filter_map(|entity| Some((entity.raw_start?, entity.raw_end?, entity.label.clone())))
}
