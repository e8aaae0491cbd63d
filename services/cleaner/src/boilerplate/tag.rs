//! Keywords and sections that a site files an article under.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:tags?|tagged|tagged (?:with|as|in)|key ?words?|labels?|categor(?:y|ies)|topics?|sections?|filed (?:in|to)) ?: ?.+",
        r"(?:tags|tagged|categories|topics|keywords|filed under|in this article|more in)",
        r"(?:filed under|posted in|tagged with|tagged in|published in) ?:? ?.+",
        r"topics in this article ?:?.*",
    ],
    holds: is_at_an_edge,
};

fn is_at_an_edge(place: &Place<'_>) -> bool {
    (place.is_in_first(6) || place.is_in_last(10)) && !place.is_sentence()
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn tag_lines_go() {
        check(
            &[
                "Tags: Zürich, lake, Zoë 👩‍🚀",
                "Tag: space",
                "Filed under Switzerland",
                "Filed Under: News, World",
                "Posted in Uncategorized",
                "Categories: Sport",
            ],
            &[
                "Tags on sheep in Zürich were cloned",
                "Filed under seal, the papers name Zoë.",
                "Topics range from tax to trams",
            ],
        );
    }
}
