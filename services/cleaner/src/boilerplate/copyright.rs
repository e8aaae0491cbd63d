//! Who owns the text.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:copyright )?(?:©|&copy;).+|copyright \(c\).+",
        // Without a year or a short name it may be an item of a list.
        r"\(c\).*\b(?:19|20)\d\d\b.*|\(c\)(?: [^ .,;]+){1,4}",
        r"copyright ?(?:,|:|by|(?:19|20)\d\d).+",
        r"(?:.+[.,|©–-] ?)?all rights reserved\b.*",
        r"(?:this material|no part of this (?:article|publication|site)|reproduction of this (?:article|material)|(?:the )?(?:content|contents) (?:of|on) this (?:site|page)) (?:may not|must not|is prohibited|cannot|are protected).*",
        r"(?:this|the) (?:article|story|report|news item) (?:has been|was|is) (?:generated|auto-generated|published|sourced|supplied|provided) (?:from|by) (?:an? |the )?(?:syndicated|automated|news agency|wire|unedited)\b.*",
    ],
    holds: is_notice,
};

fn is_notice(place: &Place<'_>) -> bool {
    place.word_count() <= 50
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn copyright_lines_go() {
        check(
            &[
                "© 2024 Zürich Courier. All rights reserved.",
                "Copyright 2023 Zürich Courier",
                "(c) Zoë Keller",
                "(c) 2024 Zürich Courier, all of it",
                "Zürich Courier Ltd. All rights reserved.",
                "This material may not be published, broadcast or rewritten.",
            ],
            &[
                "Copyright law divides Zürich",
                "(c) fail to report the breach to Zürich within 72 hours.",
                "Copyright of the song is Zoë’s 👩‍🚀",
                "Rights groups in Zürich protest",
            ],
        );
    }
}
