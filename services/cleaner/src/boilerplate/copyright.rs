//! Who owns the text.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:copyright )?(?:©|\(c\)|&copy;).+",
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
                "Zürich Courier Ltd. All rights reserved.",
                "This material may not be published, broadcast or rewritten.",
            ],
            &[
                "Copyright law divides Zürich",
                "Copyright of the song is Zoë’s 👩‍🚀",
                "Rights groups in Zürich protest",
            ],
        );
    }
}
