//! The headline, which scrapers often send twice.

use std::collections::HashSet;

use crate::line::Line;

/// How many lines count as the top of an article.
const TOP_LINES: usize = 12;

/// Longer lines are no headlines.
const MAX_LEN: usize = 300;

/// Shorter ones may well be said twice.
const MIN_WORDS: usize = 3;

/// Drops lines that repeat one before them: near the top any line, further down the headline.
///
/// The first occurrence stays, also where it is the article's title, since entities in it count.
pub(crate) fn drop_repeats(lines: &mut [Line<'_>], title: &str) {
    let mut seen = HashSet::new();
    let mut headlines: Vec<String> = key(title).into_iter().collect();
    let mut headline_shown = false;
    let mut kept_lines = 0;
    for line in lines.iter_mut().filter(|line| !line.dropped) {
        let longest = headlines.iter().map(String::len).max().unwrap_or_default();
        let is_top = kept_lines < TOP_LINES;
        kept_lines += 1;
        if !is_top && line.plain.len() > longest * 2 {
            continue;
        }
        let Some(line_key) = key(&line.plain) else {
            continue;
        };
        if kept_lines == 1 && !ends_like_a_sentence(&line.plain) {
            headlines.push(line_key.clone());
        }
        let is_headline = headlines.contains(&line_key);
        line.dropped = (is_headline && headline_shown) || (is_top && !seen.insert(line_key));
        headline_shown |= is_headline;
        // A repeat does not count, so that the next cleaning sees the same top.
        kept_lines -= usize::from(line.dropped);
    }
}

/// The words of a line without case, marks and punctuation, where it may be a headline.
fn key(line: &str) -> Option<String> {
    if line.len() > MAX_LEN {
        return None;
    }
    let mut key = String::with_capacity(line.len());
    let mut words = 0;
    for word in line
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.chars().flat_map(char::to_lowercase));
        words += usize::from(word.contains(char::is_alphabetic));
    }
    (words >= MIN_WORDS).then_some(key)
}

fn ends_like_a_sentence(line: &str) -> bool {
    line.trim_end_matches(['"', '”', '’', ')'])
        .ends_with(['.', '!'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str, title: &str) -> Vec<String> {
        let mut lines = Line::split(text);
        drop_repeats(&mut lines, title);
        lines
            .iter()
            .filter(|line| !line.dropped)
            .map(|line| line.plain.to_string())
            .collect()
    }

    #[test]
    fn the_first_of_two_headlines_stays() {
        let text = "Zoë 👩‍🚀 flies to Zürich\n**ZOË FLIES TO ZÜRICH!**\nShe left on Monday.";

        assert_eq!(
            kept(text, ""),
            ["Zoë 👩‍🚀 flies to Zürich", "She left on Monday."]
        );
    }

    #[test]
    fn a_line_that_is_the_title_stays_once() {
        let text = "By Zoë\nZoë flies to Zürich\nShe left.\nZoë flies to Zürich";

        assert_eq!(
            kept(text, "Zoë flies to Zürich"),
            ["By Zoë", "Zoë flies to Zürich", "She left."]
        );
    }

    #[test]
    fn short_lines_may_repeat() {
        assert_eq!(
            kept("No.\nYes.\nNo.\n9 July 2022\n9 July 2022", "").len(),
            5
        );
    }

    #[test]
    fn paragraphs_far_down_may_repeat() {
        let lines: Vec<String> = (0..20).map(|i| format!("Line number {i} of it.")).collect();
        let text = format!(
            "{}\nSame words once more.\nSame words once more.",
            lines.join("\n")
        );

        assert_eq!(kept(&text, "").len(), 22);
    }
}
