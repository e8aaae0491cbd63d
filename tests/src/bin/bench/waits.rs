//! How long articles wait, from produced to visible under `read_committed`.

use crate::articles::Articles;
use crate::report::Waits;
use crate::session::Session;
use crate::speed::progress;

/// Articles that are sent one by one.
const SINGLES: usize = 30;

/// How much is sent, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Of the full load.
    pub(crate) share: f64,
    pub(crate) seconds: f64,
}

/// Measures workers, which are opened for it: first the full load, then a share of it, then one
/// article at a time.
pub(crate) fn measure(
    name: String,
    open: impl FnOnce() -> anyhow::Result<Session>,
    articles: &Articles,
    load: Load,
) -> anyhow::Result<Waits> {
    progress(&format!("{name}, waits"));
    let mut session = open()?;
    let full = session.backlog(articles)?.articles_rate();
    let rate = full * load.share;
    let first = articles.lines.len();
    let count = (rate * load.seconds).ceil() as usize;
    let lines = (first..first + count).map(|number| articles.nth(number));
    let loaded = session.paced(lines, rate)?;
    let rest = (first + count..first + count + SINGLES).map(|number| articles.nth(number));
    let single = session.single(&Articles::of(rest.collect::<anyhow::Result<_>>()?)?)?;
    Ok(Waits {
        name,
        full,
        loaded,
        single,
    })
}
