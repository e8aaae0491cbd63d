//! Whether speed and memory depend on how long articles are, and on how many wait.

use serde::Serialize;

use crate::articles::Articles;
use crate::copydesk::{Copydesk, Shift};
use crate::run::Run;
use crate::session::Session;

const MEGABYTE: usize = 1_000_000;
/// What the largest body may become with all that is found in it.
pub(crate) const RECORD_BYTES: usize = 50 * MEGABYTE;
/// Large bodies of one size: more than are in work at a time.
const BODIES: usize = 8;

/// A speed at a size.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Point {
    /// Words of an article, articles of a backlog, or megabytes of a body.
    pub(crate) size: usize,
    pub(crate) words_rate: f64,
    /// The largest resident memory of the processes so far.
    pub(crate) peak_mib: f64,
}

impl Point {
    fn of(size: usize, run: &Run) -> Self {
        Self {
            size,
            words_rate: run.words_rate(),
            peak_mib: run.peak_mib,
        }
    }
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
        Ok(Point::of(size, &run))
    };
    lengths.iter().map(point).collect()
}

/// A few articles of so many megabytes each, over Kafka.
pub(crate) fn bodies(
    copydesk: &Copydesk,
    articles: &Articles,
    megabytes: &[usize],
) -> anyhow::Result<Vec<Point>> {
    let settings = [
        format!("limits.max_value_bytes={RECORD_BYTES}"),
        format!("kafka.max_record_bytes={RECORD_BYTES}"),
    ];
    let copydesk = copydesk.with(&settings);
    let waiting = |size| articles.of_bytes(size * MEGABYTE, BODIES);
    over_kafka(&copydesk, articles, megabytes, waiting)
}

/// Backlogs of each size, over Kafka.
pub(crate) fn backlogs(
    copydesk: &Copydesk,
    articles: &Articles,
    sizes: &[usize],
) -> anyhow::Result<Vec<Point>> {
    over_kafka(copydesk, articles, sizes, |size| articles.fill(size))
}

/// What waits at each size, worked off by a worker of its own.
fn over_kafka(
    copydesk: &Copydesk,
    articles: &Articles,
    sizes: &[usize],
    waiting: impl Fn(usize) -> anyhow::Result<Articles>,
) -> anyhow::Result<Vec<Point>> {
    let point = |&size: &usize| {
        let warm_up = articles.warm_up(64)?;
        let mut session = Session::open(|lane| copydesk.posts(Shift::PLAIN, lane), &warm_up)?;
        let run = session.backlog(&waiting(size)?)?;
        Ok(Point::of(size, &run))
    };
    sizes.iter().map(point).collect()
}
