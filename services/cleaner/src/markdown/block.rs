//! Marks before a line: headings, quotes, list items.

use std::ops::Range;

use crate::line::Line;

/// The mark before a line's words, if it has one.
pub(super) fn cuts(line: &str, is_item: bool) -> Vec<Range<usize>> {
    let mark = heading_len(line).or_else(|| quote_len(line)).or_else(|| {
        let (_, words) = item(line).filter(|_| is_item)?;
        Some(words)
    });
    mark.into_iter().map(|len| 0..len).collect()
}

/// Which lines are items of a list: one is only sure when a neighbour begins in the same way,
/// because a single dash also opens speech.
pub(super) fn list_items(lines: &[Line<'_>]) -> Vec<bool> {
    let bullets: Vec<Option<char>> = lines
        .iter()
        .map(|line| item(&line.plain).map(|(bullet, _)| bullet))
        .collect();
    (0..lines.len())
        .map(|i| {
            let before = i.checked_sub(1).and_then(|before| bullets[before]);
            let after = bullets.get(i + 1).copied().flatten();
            bullets[i].is_some() && (bullets[i] == before || bullets[i] == after)
        })
        .collect()
}

/// The bullet of a line and where its words begin.
fn item(line: &str) -> Option<(char, usize)> {
    let bullet = line
        .chars()
        .next()
        .filter(|char| matches!(char, '-' | '*' | '+'))?;
    let words = line.get(1..)?;
    let indent = words.len() - words.trim_start().len();
    (indent > 0).then_some((bullet, 1 + indent))
}

fn heading_len(line: &str) -> Option<usize> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    let indent = words.len() - words.trim_start().len();
    ((1..=6).contains(&level) && indent > 0).then_some(level + indent)
}

fn quote_len(line: &str) -> Option<usize> {
    let words = line.strip_prefix("> ")?;
    Some(line.len() - words.trim_start().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<bool> {
        list_items(&Line::split(text))
    }

    #[test]
    fn headings_and_quotes_lose_their_mark() {
        assert_eq!(cuts("## Zoë 👩‍🚀 in Zürich", false).first(), Some(&(0..3)));
        assert_eq!(cuts("> Zoë 👩‍🚀 in Zürich", false).first(), Some(&(0..2)));
    }

    #[test]
    fn hashtags_and_numbers_are_no_headings() {
        assert!(cuts("#Zürich #news", false).is_empty());
        assert!(cuts("####### seven", false).is_empty());
        assert!(cuts("1. Zoë", true).is_empty());
    }

    #[test]
    fn bullets_need_company() {
        assert_eq!(
            listed("- Zoë\n- 👩‍🚀\nin\n- Zürich"),
            [true, true, false, false]
        );
        assert_eq!(listed("- one\n* two"), [false, false]);
        assert_eq!(listed("-5 degrees\n-6 degrees"), [false, false]);
    }
}
