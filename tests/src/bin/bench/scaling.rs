//! Whether speed depends on how long articles are, and on how many wait.

use serde::Serialize;

use crate::articles::Articles;
use crate::copydesk::{Copydesk, Shift};
use crate::session::Session;

/// A speed at a size.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Point {
    /// Words of an article, or articles of a backlog.
    pub(crate) size: usize,
    pub(crate) words_rate: f64,
}

/// Articles of each length, in process, all together of so many words.
pub(crate) fn lengths(
    copydesk: &Copydesk,
    articles: &Articles,
    lengths: &[usize],
    total: usize,
) -> anyhow::Result<Vec<Point>> {
    let filter = copydesk.filter();
    let warm_up = filter.warm_up(articles)?;
    let point = |&size: &usize| {
        let run = filter.run_after(&warm_up, &articles.of_length(size, total)?)?;
        let words_rate = run.words_rate();
        Ok(Point { size, words_rate })
    };
    lengths.iter().map(point).collect()
}

/// Backlogs of each size, over Kafka.
pub(crate) fn backlogs(
    copydesk: &Copydesk,
    articles: &Articles,
    sizes: &[usize],
) -> anyhow::Result<Vec<Point>> {
    let point = |&size: &usize| {
        let mut session = Session::open(
            |lane| copydesk.posts(Shift::PLAIN, lane),
            &articles.warm_up(64)?,
        )?;
        let words_rate = session.backlog(&articles.fill(size)?)?.words_rate();
        Ok(Point { size, words_rate })
    };
    sizes.iter().map(point).collect()
}
