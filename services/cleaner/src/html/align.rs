//! Places for extracted text: its lines found again among the visible lines of the page.

use std::collections::HashMap;

use crate::OffsetMap;
use crate::mapped::Mapped;

/// A line and where it begins in its text, in code points.
struct Line<'a> {
    text: &'a str,
    start: usize,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.split('\n') {
        if !line.is_empty() {
            lines.push(Line { text: line, start });
        }
        start += line.chars().count() + 1;
    }
    lines
}

/// Gives `extracted` its places in the page that `visible` was rendered from. A line has one where
/// it is equal to one visible line, and only one comes into question.
pub(super) fn align(extracted: &str, visible: &Mapped) -> Mapped {
    let extracted_lines = lines(extracted);
    let visible_lines = lines(&visible.text);
    let found = find(&extracted_lines, &visible_lines);
    let mut map = OffsetMap::default();
    for (line, at) in extracted_lines.iter().zip(found) {
        if let Some(at) = at {
            let chars = line.text.chars().count();
            map.push(line.start, chars, visible_lines[at].start, chars);
        }
    }
    Mapped {
        text: extracted.to_owned(),
        map,
    }
    .after(&visible.map)
}

/// For each extracted line the visible one that it is.
fn find(extracted: &[Line<'_>], visible: &[Line<'_>]) -> Vec<Option<usize>> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, line) in visible.iter().enumerate() {
        places.entry(line.text).or_default().push(at);
    }
    let unique: Vec<Option<usize>> = extracted
        .iter()
        .map(|line| match places.get(line.text).map(Vec::as_slice) {
            Some([at]) => Some(*at),
            _ => None,
        })
        .collect();
    let mut found = longest_increasing(&unique);
    settle_repeated(extracted, &places, &mut found);
    found
}

/// Finds lines that the page has several times, where one alone lies between the neighbours found.
fn settle_repeated(
    extracted: &[Line<'_>],
    places: &HashMap<&str, Vec<usize>>,
    found: &mut [Option<usize>],
) {
    let mut next_found = vec![usize::MAX; found.len() + 1];
    for i in (0..found.len()).rev() {
        next_found[i] = found[i].unwrap_or(next_found[i + 1]);
    }
    let mut after = 0;
    for i in 0..found.len() {
        if found[i].is_none()
            && let Some(places) = places.get(extracted[i].text)
        {
            let first = places.partition_point(|at| *at < after);
            let end = places.partition_point(|at| *at < next_found[i]);
            if end == first + 1 {
                found[i] = Some(places[first]);
            }
        }
        after = found[i].map_or(after, |at| at + 1);
    }
}

/// Keeps of the places those of a longest row that only grows: the order of the page.
fn longest_increasing(places: &[Option<usize>]) -> Vec<Option<usize>> {
    // The last index of the best row of each length, and each index's one before it in its row.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; places.len()];
    for (i, place) in places.iter().enumerate() {
        if place.is_none() {
            continue;
        }
        let len = ends.partition_point(|end| places[*end] < *place);
        before[i] = len.checked_sub(1).map(|last| ends[last]);
        if len == ends.len() {
            ends.push(i);
        } else {
            ends[len] = i;
        }
    }
    let mut kept = vec![None; places.len()];
    let mut next = ends.last().copied();
    while let Some(i) = next {
        kept[i] = places[i];
        next = before[i];
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_in_the_order_of_the_page() {
        let visible = Mapped::whole("menu\nZoë 👩‍🚀\nad\nin Zürich\nmenu");
        let aligned = align("Zoë 👩‍🚀\n\nin Zürich", &visible);

        assert_eq!(aligned.map.raw_range(0..7), Some(5..12));
        assert_eq!(aligned.map.raw_range(9..18), Some(16..25));
        assert_eq!(aligned.map.raw_range(0..18), None);
    }

    #[test]
    fn a_line_that_may_be_two_has_no_place() {
        let aligned = align("menu", &Mapped::whole("menu\nZoë\nmenu"));

        assert_eq!(aligned.map.raw_range(0..4), None);
    }

    #[test]
    fn a_repeated_line_between_neighbours_is_found() {
        let aligned = align("a\nb\nc", &Mapped::whole("b\na\nb\nc\nb"));

        assert_eq!(aligned.map.raw_range(2..3), Some(4..5));
    }

    #[test]
    fn a_line_out_of_order_does_not_mislead() {
        let places = [Some(9), Some(1), None, Some(2), Some(3)];

        assert_eq!(
            longest_increasing(&places),
            [None, Some(1), None, Some(2), Some(3)]
        );
    }
}
