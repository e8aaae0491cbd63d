//! Hours of modest work: whether memory stays where it is.

use std::fmt;

use serde::Serialize;

use crate::articles::Articles;
use crate::copydesk::{Copydesk, Shift};
use crate::run::Latency;
use crate::session::Session;
use crate::usage::Sample;

/// The share of the time in which memory may still grow to its size.
const WARM_UP: f64 = 0.2;
/// Articles that wait at the start. They fill the cache of passages, and at full load memory takes
/// the size that it may need later, when the machine is busy with something else for a while.
const BACKLOG: usize = 10_000;

/// What became of memory, and of waiting.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Soak {
    pub(crate) seconds: f64,
    pub(crate) peak_mib: f64,
    /// Growth after warming up, by least squares, in percent of the mean an hour.
    pub(crate) percent_per_hour: f64,
    /// Memory at the end of each minute.
    pub(crate) mib_by_minute: Vec<f64>,
    pub(crate) latency: Latency,
}

/// Runs Copydesk over Kafka for so many seconds at so many articles a second.
pub(crate) fn run(
    copydesk: &Copydesk,
    articles: &Articles,
    seconds: u64,
    rate: f64,
) -> anyhow::Result<Soak> {
    let posts = |lane: &_| copydesk.posts(Shift::PLAIN, lane);
    let mut session = Session::open(posts, &articles.warm_up(BACKLOG)?)?;
    let count = (seconds as f64 * rate) as usize;
    let lines = (0..count).map(|number| articles.nth(number));
    let latency = session.paced(lines, rate)?;
    let samples = session.watch.samples();
    Ok(Soak {
        seconds: samples.last().map_or(0.0, |sample| sample.at),
        peak_mib: session.watch.peak_mib(),
        percent_per_hour: slope(&samples),
        mib_by_minute: by_minute(&samples),
        latency,
    })
}

impl fmt::Display for Soak {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seconds,
            peak_mib,
            percent_per_hour,
            latency,
            ..
        } = self;
        writeln!(
            out,
            "Soak: {} articles in {seconds:.0} s, peak {peak_mib:.0} MiB, {percent_per_hour:+.2} % an hour",
            latency.articles
        )?;
        write!(
            out,
            "from produced to visible: p50 {:.0} ms, p99 {:.0} ms, at most {:.0} ms",
            latency.p50, latency.p99, latency.max
        )
    }
}

/// The last sample of each minute.
fn by_minute(samples: &[Sample]) -> Vec<f64> {
    let minute = |sample: &Sample| (sample.at / 60.0) as u64;
    samples
        .chunk_by(|left, right| minute(left) == minute(right))
        .filter_map(|chunk| Some(chunk.last()?.mib))
        .collect()
}

/// The slope after warming up, in percent of the mean an hour.
fn slope(samples: &[Sample]) -> f64 {
    let warm = (samples.len() as f64 * WARM_UP) as usize;
    let samples = samples.get(warm..).unwrap_or_default();
    let mean =
        |value: fn(&Sample) -> f64| samples.iter().map(value).sum::<f64>() / samples.len() as f64;
    let (at, mib) = (mean(|sample| sample.at), mean(|sample| sample.mib));
    let along = |sample: &Sample| (sample.at - at) * (sample.mib - mib);
    let across = |sample: &Sample| (sample.at - at).powi(2);
    let by_second =
        samples.iter().map(along).sum::<f64>() / samples.iter().map(across).sum::<f64>();
    100.0 * by_second * 3600.0 / mib
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_of_the_time_after_warming_up() {
        let mib = |second: usize| match second {
            0..20 => 10.0 * second as f64,
            _ => 200.0 + 0.01 * (second as f64 - 59.5),
        };
        let samples: Vec<_> = (0..100)
            .map(|second| Sample {
                at: second as f64,
                mib: mib(second),
            })
            .collect();

        let percent = slope(&samples);

        assert!((percent - 18.0).abs() < 1e-6, "{percent}");
    }
}
