//! Pointers to other articles, also in the words of machines that paraphrase ("Learn Extra").

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        // Read more: …, Also read: …, Must read - …, Learn extra: …, See also …
        r"(?:(?:please )?(?:also|must|should|now|further|additionally)[ -]+)?(?:read|learn|see|watch)(?:[ -]+(?:also|more|extra|next|subsequent|additional|additionally|further|too|this|it|on|full story|the full story))? ?[:|»>–—] ?.{3,}",
        r"(?:study|check)[ -]+(?:also|more|extra|next|additionally|further) ?[:|»>–—] ?.{3,}",
        r"(?:also|must|should)[ -](?:read|learn|see|watch) ?(?:[:|»>–—-].*|\S.*[^.])?",
        r"(?:read|learn|see) (?:also|more|extra|next|subsequent|additional|further)(?: (?:about|on|from|at|tales|stories|here) .+[^.]|: ?.*| here)?",
        r"(?:read|learn|see) (?:also|next) [^.]+",
        r"(?:more|extra|further|additional) (?:must|should)[ -](?:reads?|learns?|sees?)(?: (?:stories|tales|articles))?(?: from .+)?",
        r"(?:more|extra) (?:on|about|from|in|tales from|stories from) (?:this (?:story|topic|subject)|[^.,;:]+) ?:?",
        r"(?:related|associated|recommended|really useful|suggested|similar|linked|more|extra|other|latest|top|trending|popular|featured|further|editor's|most read|most popular|latest) (?:articles?|stor(?:y|ies)|tales?|posts?|news|contents?|topics?|coverage|reading|links?|picks?|videos?|reads?|headlines)(?: (?:for|to|from) (?:you|this .+))? ?:?",
        r"(?:related|recommended|associated|suggested|trending|most read|most popular|most viewed|in other news|in case you missed it|icymi|don't miss(?: this| out)?|dive deeper|go deeper|up next|what to read next|now read|read it) ?(?:[:|»>–—] ?.*|now|this week)?",
        r"recommended (?:for you|by .+)|editors?'?s?'? (?:choice|picks?)",
        r"you (?:may|might|could|can|will|would)(?: even| also| additionally| probably)* (?:be (?:interested|fascinated|intrigued) (?:in|by)|want to read|wish to read)(?: ?:.*| .+|)",
        r"you (?:may|might|could)(?: even| also| additionally| probably)* (?:like|love|enjoy|prefer)(?: ?:.*| .*[^.]|)",
        r"(?:click|tap) (?:on )?(?:right )?here (?:to|for) .+",
        r"(?:for|get) (?:more|extra|the latest) (?:news|stories|tales|articles|updates|headlines|on this story)[ ,].+",
        r"(?:catch up on|check out|discover|explore) (?:more|extra|all|our other|the latest|our latest) (?:stories|articles|news|coverage|posts|tales)\b.*",
        r"(?:watch|video|listen|photos|pictures|gallery|in pictures|live|explainer|podcast) ?[:|] ?.+[^.]",
    ],
    holds: is_no_long_sentence,
};

fn is_no_long_sentence(place: &Place<'_>) -> bool {
    place.word_count() <= 34 && !(place.is_sentence() && place.word_count() > 24)
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn pointers_go() {
        check(
            &[
                "Read more: Zoë 👩‍🚀 flies to Zürich",
                "READ ALSO | Why Zürich is dear",
                "Also read:Glacier shrinks again",
                "Must Read: How the lake was saved",
                "Read also Zürich trams stand still",
                "Learn Extra: The Peculiar Bakers of Zürich Who Rise at Midnight",
                "Extra Should-Learn Tales From TIME",
                "More Must-Reads from TIME",
                "You may also like",
                "You might also enjoy: the trams of Zürich",
                "Study more: Zoë flies to Zürich",
                "You might additionally be fascinated by",
                "Related Articles",
                "Related: The bridge that moved",
                "Recommended for you",
                "Most Read",
                "See also: Trams of Zürich",
                "Don’t miss: the night train",
            ],
            &[
                "Related charges were dropped",
                "Read the letter that Zoë wrote",
                "Watch out for ice on Lake Zürich",
                "More on average is spent in Zürich than anywhere else.",
                "Learning from the flood",
                "You may be right, said Zoë.",
                "See the mountain, then die, they say in Zürich.",
                "Other stories of the flood are sadder.",
                "Further reading of the bill is due in May.",
                "Study: half of the trams in Zürich are late",
                "You can enjoy the view of Zürich from the terrace for five euros.",
                "You may like the film, Zoë 👩‍🚀 says, but not its end.",
            ],
        );
    }
}
