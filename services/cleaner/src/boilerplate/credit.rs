//! Credits of photographs.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"\(?(?:(?:file |archive |representative |representational |stock |featured |cover |lead |hand-?out )?(?:photo(?:s|graph|graphs|graphy)?|images?|pic(?:s|ture|tures)?|illustration|graphic|video|screenshot|credits?|source))(?: (?:credit score|credits?|courtesy|source|by|via|for illustration))*(?: of)? ?[:/–—|] ?[^:]+\)?",
        r"\(?(?:photo(?:s|graph|graphs)?|images?|pic(?:s|tures?)?|illustration) (?:by|courtesy(?: of)?|credits?:?|via|from) [^:]+\)?",
        r"\(?(?:(?:[\p{Alphabetic}.'-]+ ){0,4}[/|,–—-]? ?)?(?:getty images|getty|shutterstock|istock|istockphoto|adobe stock|alamy|unsplash|pexels|pixabay|wikimedia commons|flickr|depositphotos)(?: ?[/|] ?[\p{Alphabetic}. '-]+)?(?: ?file)?\)?",
        r"\(?(?:(?:[\p{Alphabetic}.'-]+ ){1,4})?(?:/|via) ?(?:ap|afp|reuters|epa|epa-efe|getty images|getty|bloomberg|anadolu|xinhua|pti|ani|efe|dpa|tass)(?: (?:photo|images))?\)?",
        r"\(?(?:ap|afp|reuters|epa|epa-efe|bloomberg|anadolu|xinhua|pti|ani|dpa)(?: ?/ ?[\p{Alphabetic}. '-]+| (?:photo|file photo|images?)(?:/[\p{Alphabetic}. '-]+)?)\)?",
        r"\(?(?:file|stock|representative|representational|archive|handout) (?:photo|image|picture|pic)s?\.?\)?",
        r"(?:photo|image|view|see)? ?(?:gallery|\d+ (?:photos|images|pictures))(?: ?\(\d+\))?",
    ],
    holds: is_short_and_no_sentence,
};

fn is_short_and_no_sentence(place: &Place<'_>) -> bool {
    place.word_count() <= 12 && !place.is_sentence()
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn credits_go() {
        check(
            &[
                "Getty Images",
                "AFP/Getty Images",
                "(Photo: Zoë Keller)",
                "Photo: Zoë Keller/Reuters",
                "Photo by Zoë Keller on Unsplash",
                "Image credit: Zürich Tourism",
                "Image credit score: Getty Images",
                "File photo",
                "REUTERS/Zoë Keller",
                "Zoë Keller via Getty Images",
                "AP Photo/Zoë Keller",
                "Source: Zürich Tourism",
            ],
            &[
                "Photo shows Zoë 👩‍🚀 in Zürich",
                "Trams stand still in Zürich. Photo: Bloomberg",
                "Reuters",
                "Getty heir sells villa in Zürich",
                "Source of the leak is found",
                "Video game makers leave Zürich",
            ],
        );
    }
}
