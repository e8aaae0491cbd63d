//! Bare links.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:https?://|www\.)[^ ]{3,}",
        r"(?:link|url|web ?site|read at|see) ?: ?(?:https?://|www\.)[^ ]{3,}",
    ],
    holds: is_alone,
};

/// A link in a list, or one that the line before leads to, may be what an article is about: the
/// addresses of an attack, for one.
fn is_alone(place: &Place<'_>) -> bool {
    let is_led_to = place
        .before()
        .is_some_and(|before| before.trim_end().ends_with(':'));
    let is_listed = place.neighbours().any(|line| {
        let has_space = line.trim().contains(char::is_whitespace);
        !has_space && line.contains(['.', '/'])
    });
    !is_led_to && !is_listed
}

#[cfg(test)]
mod tests {
    use super::super::drop_lines;
    use crate::boilerplate::tests::check;
    use crate::line::Line;

    #[test]
    fn lone_links_go() {
        check(
            &[
                "https://example.org/zürich",
                "www.example.org",
                "Link: https://example.org/a",
            ],
            &[
                "hxxp://example[.]org/zoë",
                "example.org",
                "See https://example.org for Zoë 👩‍🚀",
            ],
        );
    }

    #[test]
    fn listed_links_stay() {
        let text = "The servers were:\nhttps://a.example/x\nhttps://b.example/y";
        let mut lines = Line::split(text);

        drop_lines(&mut lines);

        assert!(lines.iter().all(|line| !line.dropped));
    }
}
