//! How to reach a writer or a desk.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:write|reach out|e-?mail|send (?:tips|a tip|an e-?mail|feedback)) to (?:.+ )?at(?: \S*@.*)?",
        r"(?:contact|reach|e-?mail) (?:us|me|him|her|them|the (?:author|reporter|writer|editor|newsroom)|.+) (?:at|via|by e-?mail at)(?: \S*@\S*)?",
        r"(?:e-?mail|tel|telephone|phone|fax|contact)(?: the author| us)? ?: ?\S.*",
        r"(?:send|got) (?:us )?(?:a |your )?(?:news )?(?:tips?|feedback|letters|corrections|story)\b.*",
        r"(?:do you )?(?:have|know) (?:a (?:tip|story|question|correction)|more|something)\b.*(?:e-?mail|contact|write|get in touch|let us know)\b.*",
    ],
    holds: is_at_the_end,
};

fn is_at_the_end(place: &Place<'_>) -> bool {
    place.is_in_last(12) && place.word_count() <= 24
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn contact_lines_go() {
        check(
            &[
                "Write to Zoë Keller at",
                "Write to Zoë Keller at zoe@example.org.",
                "Contact us at news@example.org",
                "Email: desk@example.org",
                "Got a tip? Email tips@example.org",
            ],
            &[
                "Write to your senator, Zoë 👩‍🚀 urged in Zürich",
                "Contact was lost at 03:14",
                "Email servers in Zürich were hit",
            ],
        );
    }
}
