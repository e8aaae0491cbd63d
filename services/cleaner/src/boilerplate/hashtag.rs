//! Lines of hashtags.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[r"(?:[#＃][\p{Alphabetic}\p{N}_'-]+[ ,;|]*)+"],
    holds: is_row_or_at_the_end,
};

/// One hashtag alone may be a heading.
fn is_row_or_at_the_end(place: &Place<'_>) -> bool {
    place.words.matches(['#', '＃']).count() > 1 || place.is_in_last(3)
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn rows_of_hashtags_go() {
        check(
            &[
                "#Zoë #flies #to #Zürich",
                "#news, #space",
                "#東京 #ニュース",
                "#Zürich",
            ],
            &["#1 in the charts", "#Zürich is trending", "Zoë 👩‍🚀 #Zürich"],
        );
    }
}
