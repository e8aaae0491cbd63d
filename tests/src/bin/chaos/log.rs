//! A topic's log as it lies on the broker's disk: what became of each of its records.
//!
//! A reader of committed records leaves out what the broker tells it was aborted. This believes
//! neither: it reads the batches of the log, and the markers that end transactions, by itself.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::evidence::Place;

// A batch of records as Kafka's protocol describes it (magic 2), all numbers big end first.
const BASE_OFFSET: Range<usize> = 0..8;
const LENGTH: Range<usize> = 8..12;
const ATTRIBUTES: Range<usize> = 21..23;
const LAST_OFFSET_DELTA: Range<usize> = 23..27;
const PRODUCER_ID: Range<usize> = 43..51;
const HEADER: usize = 61;
const IS_TRANSACTIONAL: i64 = 1 << 4;
const IS_CONTROL: i64 = 1 << 5;
/// Of a marker: the five numbers between the header and its key have a byte each, and the key
/// begins with a version.
const MARKER: Range<usize> = HEADER + 7..HEADER + 9;
const ABORT: i64 = 0;
const COMMIT: i64 = 1;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Committed,
    Aborted,
    /// Its transaction has not ended.
    Open,
    /// It was written without a transaction.
    Bare,
}

/// Reads the log of a topic in the folder of a broker's data. Nobody may be writing to the topic.
pub(crate) fn read(
    data: &Path,
    topic: &str,
    partitions: i32,
) -> anyhow::Result<BTreeMap<Place, Fate>> {
    let mut fates = BTreeMap::new();
    for partition in 0..partitions {
        let mut open = HashMap::new();
        for segment in segments(&data.join(format!("{topic}-{partition}")))? {
            let log = fs::read(&segment)?;
            let read = follow(&log, partition, &mut open, &mut fates);
            read.with_context(|| format!("cannot read {}", segment.display()))?;
        }
    }
    Ok(fates)
}

/// The files of a partition, whose names are their first offsets.
fn segments(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder);
    let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<anyhow::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    Ok(paths)
}

/// Notes what becomes of the records of a segment. `open` has the places that each producer has
/// written in the transaction that it has open. A producer has a new epoch but the same id when
/// another one, or the broker, ends its transaction.
fn follow(
    mut log: &[u8],
    partition: i32,
    open: &mut HashMap<i64, Vec<Place>>,
    fates: &mut BTreeMap<Place, Fate>,
) -> anyhow::Result<()> {
    while !log.is_empty() {
        ensure!(log.len() > HEADER, "a batch is torn");
        let size = usize::try_from(number(log, LENGTH))? + LENGTH.end;
        ensure!(log.len() >= size, "a batch is torn");
        let (batch, rest) = log.split_at(size);
        log = rest;
        let producer = number(batch, PRODUCER_ID);
        let attributes = number(batch, ATTRIBUTES);
        if attributes & IS_CONTROL != 0 {
            ensure!(size >= MARKER.end, "a marker is torn");
            let fate = match number(batch, MARKER) {
                ABORT => Fate::Aborted,
                COMMIT => Fate::Committed,
                other => anyhow::bail!("there is no marker {other}"),
            };
            let ended = open.remove(&producer).unwrap_or_default();
            fates.extend(ended.into_iter().map(|place| (place, fate)));
            continue;
        }
        let first = number(batch, BASE_OFFSET);
        let offsets = first..=first + number(batch, LAST_OFFSET_DELTA);
        let places = offsets.map(|kafka_offset| (partition, kafka_offset));
        if attributes & IS_TRANSACTIONAL == 0 {
            fates.extend(places.map(|place| (place, Fate::Bare)));
        } else {
            fates.extend(places.clone().map(|place| (place, Fate::Open)));
            open.entry(producer).or_default().extend(places);
        }
    }
    Ok(())
}

fn number(bytes: &[u8], range: Range<usize>) -> i64 {
    let digits = bytes[range].iter();
    digits.fold(0, |number, &digit| number << 8 | i64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: u8 = 1;
    const OTHER: u8 = 2;

    /// A batch of two records at this offset.
    fn batch(kafka_offset: u8, attributes: i64, producer: u8) -> Vec<u8> {
        let mut batch = vec![0; HEADER + 16];
        batch[BASE_OFFSET.end - 1] = kafka_offset;
        batch[LENGTH.end - 1] = u8::try_from(batch.len() - LENGTH.end).unwrap();
        batch[ATTRIBUTES.end - 1] = u8::try_from(attributes).unwrap();
        batch[LAST_OFFSET_DELTA.end - 1] = 1;
        batch[PRODUCER_ID.end - 1] = producer;
        batch
    }

    fn written(kafka_offset: u8, producer: u8) -> Vec<u8> {
        batch(kafka_offset, IS_TRANSACTIONAL, producer)
    }

    fn marker(kafka_offset: u8, producer: u8, end: i64) -> Vec<u8> {
        let mut marker = batch(kafka_offset, IS_TRANSACTIONAL | IS_CONTROL, producer);
        marker[MARKER.end - 1] = u8::try_from(end).unwrap();
        marker
    }

    /// The fates of the records in partition 0, by offset.
    fn fates(batches: &[Vec<u8>]) -> Vec<(i64, Fate)> {
        let mut fates = BTreeMap::new();
        follow(&batches.concat(), 0, &mut HashMap::new(), &mut fates).unwrap();
        let fates = fates.into_iter();
        fates.map(|((_, offset), fate)| (offset, fate)).collect()
    }

    #[test]
    fn marker_ends_what_its_producer_has_open_and_nothing_else() {
        let ended = fates(&[
            written(0, ONE),
            written(2, OTHER),
            marker(4, ONE, ABORT),
            written(5, ONE),
            marker(7, ONE, COMMIT),
        ]);

        let (aborted, open, committed) = (Fate::Aborted, Fate::Open, Fate::Committed);
        assert_eq!(ended[..2], [(0, aborted), (1, aborted)]);
        assert_eq!(ended[2..4], [(2, open), (3, open)]);
        assert_eq!(ended[4..], [(5, committed), (6, committed)]);
    }

    #[test]
    fn record_without_a_transaction_is_bare() {
        let bare = fates(&[batch(0, 0, ONE), marker(2, ONE, ABORT)]);

        assert_eq!(bare, [(0, Fate::Bare), (1, Fate::Bare)]);
    }
}
