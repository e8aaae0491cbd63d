//! Menus written as one line: short names between bars or dots.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"[^|•·.!?]{2,24}(?: ?[|•·] ?[^|•·.!?]{2,24}){3,}",
        r"[^>»›.!?]{2,24}(?: ?[>»›] ?[^>»›.!?]{2,60}){2,5}",
    ],
    holds: is_at_an_edge_without_figures,
};

/// A line of figures between bars is a table.
fn is_at_an_edge_without_figures(place: &Place<'_>) -> bool {
    let is_at_edge = place.is_in_first(4) || place.is_in_last(4);
    is_at_edge && !place.words.contains(|char: char| char.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn menus_go() {
        check(
            &[
                "World | Politics | Sport | Weather",
                "News > Europe > Zürich",
                "About · Jobs · Press · Imprint",
            ],
            &[
                "Basel | 12 | 4 | 3",
                "Zoë | Zürich",
                "A > B",
                "Lugano • Zoë 👩‍🚀 • 1:30",
            ],
        );
    }
}
