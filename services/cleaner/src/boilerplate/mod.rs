//! Lines that are not the article.
//!
//! A rule is a table of patterns for whole lines and a condition on the line's place. It never
//! cuts words out of a line, and it would rather leave a stray line in than take prose out.

mod advert;
mod closing;
mod comment;
mod consent;
mod contact;
mod copyright;
mod credit;
mod hashtag;
mod link;
mod menu;
mod navigation;
mod newsletter;
mod place;
mod read_also;
mod separator;
mod share;
mod tag;

use std::sync::LazyLock;

use regex::RegexSet;

use crate::line::Line;
use place::Place;

/// What one kind of line looks like.
struct Rule {
    /// Anchored at both ends by the table, matched against [`Place::words`].
    patterns: &'static [&'static str],
    /// Whether the line's place and shape allow it.
    holds: fn(&Place<'_>) -> bool,
}

/// Every rule.
const RULES: [&Rule; 16] = [
    &advert::RULE,
    &closing::RULE,
    &comment::RULE,
    &consent::RULE,
    &contact::RULE,
    &copyright::RULE,
    &credit::RULE,
    &hashtag::RULE,
    &link::RULE,
    &menu::RULE,
    &navigation::RULE,
    &newsletter::RULE,
    &read_also::RULE,
    &separator::RULE,
    &share::RULE,
    &tag::RULE,
];

/// The patterns of all rules, and the rule that each belongs to.
struct Table {
    patterns: RegexSet,
    rules: Vec<&'static Rule>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let rows = RULES
        .iter()
        .flat_map(|rule| rule.patterns.iter().map(|pattern| (*rule, pattern)));
    let (rules, patterns): (Vec<&Rule>, Vec<String>) = rows
        .map(|(rule, pattern)| (rule, whole_line(pattern)))
        .unzip();
    let patterns = RegexSet::new(patterns).expect("the patterns are constants that tests compile");
    Table { patterns, rules }
});

/// A pattern for all of a line. The word boundary of Unicode would take the slow matcher.
fn whole_line(pattern: &str) -> String {
    format!("^(?:{})$", pattern.replace(r"\b", r"(?-u:\b)"))
}

/// Longer lines are prose.
const MAX_LEN: usize = 400;

/// Drops the lines that a rule matches.
pub(crate) fn drop_lines(lines: &mut [Line<'_>]) {
    for i in 0..lines.len() {
        let line = &lines[i];
        if !line.dropped && line.plain.len() <= MAX_LEN && is_boilerplate(lines, i) {
            lines[i].dropped = true;
        }
    }
}

fn is_boilerplate(lines: &[Line<'_>], index: usize) -> bool {
    let place = Place::of(lines, index);
    if !TABLE.patterns.is_match(&place.words) {
        return false;
    }
    let matches = TABLE.patterns.matches(&place.words);
    matches
        .iter()
        .any(|pattern| (TABLE.rules[pattern].holds)(&place))
}

/// For rules without a condition.
fn anywhere(_: &Place<'_>) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the rules drop `line` as the last of an article with some prose before it.
    pub(super) fn drops(line: &str) -> bool {
        let text = format!("{}\n{line}", "A paragraph of prose that stays.\n".repeat(3));
        let mut lines = Line::split(&text);
        drop_lines(&mut lines);
        lines[3].dropped
    }

    /// Checks that each line goes and that each of the others stays.
    #[track_caller]
    pub(super) fn check(dropped: &[&str], kept: &[&str]) {
        for line in dropped {
            assert!(drops(line), "should go: {line}");
        }
        for line in kept {
            assert!(!drops(line), "should stay: {line}");
        }
    }

    #[test]
    fn prose_that_begins_like_boilerplate_stays() {
        check(
            &[],
            &[
                "Zoë 👩‍🚀 in Zürich",
                "Advertisement revenue fell by a tenth, the company said.",
                "Share prices rose on Monday.",
                "Related charges were dropped in May.",
                "Comments by the minister angered Paris.",
                "Home prices > wages: a chart that worries economists.",
                "Cookies are small files that sites leave behind.",
                "Tags were fixed to 40 turtles.",
                "Subscribers left in droves.",
                "“Read more books,” she told them.",
                "Follow-up talks are due in Geneva.",
                "Photographs of the scene were shown in court.",
                "Sign of the times",
                "Print is dead, long live print",
            ],
        );
    }

    #[test]
    fn a_body_of_boilerplate_leaves_nothing() {
        let text = "Skip to content\n\nAdvertisement\n\nLeave a Reply\n\n5 Comments";
        let mut lines = Line::split(text);

        drop_lines(&mut lines);

        assert!(lines.iter().all(|line| line.dropped));
    }
}
