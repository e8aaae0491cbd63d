//! Adverts and what stands around them.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"ads?|advt?\.?|advertise?ments?|advertisings?|advertorial|commercials?",
        r"advertise?ment[ .:,-]+(?:scroll (?:down )?to continue|continue reading|story continues|article continues)\b.*",
        r"(?:story|article|content|text|post) (?:continues|resumes) (?:below|beneath|after|underneath)(?: (?:this |the |an )?(?:ad|advert|advertise?ment|commercial|video|gallery)s?)?\.?",
        r"(?:keep reading|scroll(?: down)?) to (?:continue|keep reading|read more)(?: (?:with content|reading))?\.?",
        r"continue reading(?: (?:below|after the ad|the main story))?",
        r"(?:sponsored|promoted|paid|partner|branded) (?:content|posts?|stor(?:y|ies)|links?|articles?|message|feature)",
        r"sponsored|promoted|paid post|ad feedback|report this ad|remove ads?|hide ad",
        r"(?:sponsored|presented|brought to you|promoted) by:?(?: \S+){1,4}",
        r"(?:this )?(?:ad|advertise?ment) (?:is|will be|has been) (?:loading|closed?|over)\b.*",
    ],
    holds: is_short,
};

fn is_short(place: &Place<'_>) -> bool {
    place.word_count() <= 14
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn advert_lines_go() {
        check(
            &[
                "Advertisement",
                "Advertisment",
                "ADVERTISING",
                "- Advertisement -",
                "[Ad]",
                "ADVERTISEMENT - SCROLL TO CONTINUE READING",
                "Story continues below",
                "Article continues below this ad",
                "Story continues beneath commercial",
                "Sponsored",
                "Sponsored Content",
                "Presented by Alpine Watches",
            ],
            &[
                "Advertising in Zürich is to be taxed",
                "Ad spending fell",
                "The story continues below the surface of Lake Geneva.",
                "Sponsored riders left Zürich on Monday",
            ],
        );
    }
}
