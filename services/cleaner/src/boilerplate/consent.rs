//! Cookies, privacy and terms.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:we|our partners|our site|we and our (?:\d+ )?partners) (?:and our partners )?use(?:s)? cookies\b.*",
        r"(?:this|our|the) (?:web ?)?(?:site|page) (?:uses|makes use of) cookies\b.*",
        r"by (?:continuing|using|clicking|browsing|closing|accepting|subscribing|signing up)\b.*\b(?:you|your|our)\b.*(?:cookies?|privacy policy|terms of (?:use|service)|our terms|terms and conditions)\b.*",
        r"(?:accept|reject|allow|decline|manage)(?: all| only necessary| my)?(?: cookies| preferences| settings| consent| choices)|accept|accept all|reject all|got it!?|i (?:agree|accept)",
        r"(?:cookie|privacy|consent) (?:policy|settings|preferences|notice|statement|center|centre|choices)(?: ?[|•·&,] ?.+)?",
        r"terms (?:of (?:use|service|sale)|and conditions|& conditions)(?: ?[|•·&,] ?.+)?|terms|disclaimer|your privacy choices|do not sell (?:or share )?my (?:personal )?(?:information|data)",
        r"please (?:enable|turn on|allow) (?:javascript|cookies)\b.*|javascript is (?:disabled|required)\b.*|your browser (?:does not|doesn't) support\b.*",
    ],
    holds: is_notice,
};

/// News about cookies speaks of others.
fn is_notice(place: &Place<'_>) -> bool {
    let is_quoted = place.words.starts_with(['"', '“']);
    !is_quoted && place.word_count() <= 60
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn consent_lines_go() {
        check(
            &[
                "We use cookies to improve your experience on our site.",
                "This website uses cookies. By continuing you agree to their use.",
                "Accept all cookies",
                "Cookie settings",
                "By signing up you agree to our Terms of Use and Privacy Policy.",
                "Privacy Policy | Imprint",
                "Please enable JavaScript to view comments.",
            ],
            &[
                "“We use cookies,” said Zoë 👩‍🚀 in Zürich.",
                "Cookies stolen in Zürich open mailboxes",
                "Both sites use cookies, Zoë said.",
                "Terms of the truce are unclear",
                "By clicking on the link, victims handed their session cookies to the attackers.",
            ],
        );
    }
}
