//! What a site says when an article is over.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:if|in case) you (?:enjoyed|liked|loved|found|appreciated|preferred)(?: reading)? (?:this|our|the|that) .*(?:article|story|post|piece|report|read|content|useful|helpful)\b.*",
        r"(?:please )?(?:check out|take a look at|have a look at|try|visit|see|read|browse) (?:our|more of our|the) (?:other|latest|website|web ?site|page|homepage|blog|related)\b.*",
        r"(?:thanks|thank you)(?: (?:so|very) much)? for (?:reading|watching|visiting|listening|your (?:time|support|interest|attention))\b.*",
        r"the post .+ (?:appeared first on|first appeared on) .+",
        r"this (?:article|story|post|piece|report|content|version) (?:was |has been |is )?(?:originally |first |initially )?(?:appeared|published|posted|republished|featured|ran)(?: first| originally)? (?:on|in|at|by|from|with permission)\b.+",
        r"the (?:article|story|post|piece|content|version) (?:was |has been |is )?(?:originally|first|initially) (?:appeared|published|posted|republished|featured) (?:on|in|at|by)\b.+",
        r"originally (?:published|posted|appeared)(?: (?:on|at|by|in))? .+",
        r"interested in (?:our|more|advertising|working|joining|these)\b.*|(?:want|looking|ready) (?:to|for) (?:know|learn|find out|hear|read|see|get|more)\b.*\?",
        r"(?:about|contact|advertise with|work with|support|write for|join) us(?: today)?|get in touch(?: with us)?(?: today)?[.!]?|about the author|who we are|our (?:services|solutions|products|partners|team|story|mission)",
        r"(?:book|request|schedule|get) (?:a|your) (?:free )?(?:demo|quote|consultation|trial|call)\b.*",
        r"(?:visit|go to|head to) (?:us at |our (?:web ?site|homepage|page)|\S+\.(?:com|org|net)\b).*",
        r"(?:the )?(?:views|opinions)(?: and (?:views|opinions))? expressed (?:in this|here|are|by (?:the )?(?:author|writer|columnist|contributor)s?)\b.*",
        r"(?:source link|source|via|read the original(?: article| story)?(?: here)?|original article|original source|view original)",
        r"(?:with|additional) (?:inputs?|information) from (?:agencies|wires|pti|ani|afp|reuters)\b.*",
    ],
    holds: is_at_the_end,
};

fn is_at_the_end(place: &Place<'_>) -> bool {
    place.is_in_last(8)
}

#[cfg(test)]
mod tests {
    use super::super::tests::drops;
    use crate::boilerplate::tests::check;

    #[test]
    fn closing_adverts_go() {
        check(
            &[
                "If you enjoyed this article, please check out our other articles on Zürich Online",
                "Thanks for reading!",
                "The post Zoë 👩‍🚀 flies appeared first on Zürich Online.",
                "This article was originally published on Zürich Online.",
                "The article first appeared on Zürich Online.",
                "The views expressed by the author are not those of Zürich Online.",
                "Source link",
                "Interested in our Solutions?",
                "Want to know more about trams?",
                "Contact us today",
                "About the author",
                "Book a free demo",
            ],
            &[
                "If you liked the old bridge, the new one will please you.",
                "This article of the treaty was published in Zürich papers",
                "Visit Zürich in spring, Zoë says.",
                "The report was published on Tuesday by the city of Zürich, which had overspent.",
                "The article appeared in Le Monde on Friday.",
                "The views expressed by the mayor of Zürich drew criticism on Monday.",
                "Interested in trams since childhood, Zoë 👩‍🚀 drove one.",
                "Ready for Zürich",
            ],
        );
    }

    #[test]
    fn openings_are_not_closings() {
        assert!(drops("Thank you for reading this."));
    }
}
