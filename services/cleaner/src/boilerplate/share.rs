//! Buttons and calls to share or to follow.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"share(?: (?:this|the|it|on|via|with|to)(?: .+)?)?:?",
        r"(?:click|tap) to (?:share|email|print|tweet|copy)\b.*",
        r"(?:re)?tweet(?: this)?|pin(?: it| this)?|like this:?|like|copy (?:link|url)|link copied!?|save(?: article)?|bookmark|e-?mail(?: this(?: article| story)?)?|gift (?:this )?article|\d+ shares?",
        r"(?:(?:share|facebook|twitter|x|x \(twitter\)|linkedin|e-?mail|whatsapp|reddit|pinterest|tumblr|telegram|instagram|youtube|tiktok|flipboard|pocket|print|copy link|messenger|threads|bluesky|mastodon|line|viber|vk|rss)[ ,|/•·+]*)+",
        r"(?:follow|comply with|observe) (?:us|me|our (?:page|channel|account)s?)(?: .+)?",
        r"(?:follow|comply with|find) (?:@?\S+ ){1,4}(?:on|at|via) (?:facebook|twitter|x|instagram|linkedin|youtube|tiktok|telegram|whatsapp|threads|bluesky|mastodon|google news|social media)\b.*",
        r"like (?:@?\S+ ){1,4}on (?:facebook|twitter|x|instagram|linkedin|youtube|tiktok)[.!]?",
        r"(?:like|find|join|visit|connect with|contact) us (?:on|at|in|via) .+",
        r"join (?:our|the) (?:.+ )?(?:whatsapp|telegram|facebook|discord|viber|signal) (?:channel|group|community)\b.*",
    ],
    holds: is_no_story,
};

/// "Share" also opens headlines of the markets.
fn is_no_story(place: &Place<'_>) -> bool {
    place.word_count() <= 26
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn share_lines_go() {
        check(
            &[
                "Share this on Facebook",
                "Share this:",
                "SHARE",
                "Tweet",
                "Facebook Twitter LinkedIn Email",
                "Facebook | X (Twitter) | WhatsApp",
                "Follow us on Instagram and X",
                "Comply with us on Fb",
                "Follow Zoë Keller on Twitter",
                "Like Zürich Online on Facebook",
                "Click to share on Telegram (Opens in new window)",
                "Join our WhatsApp channel for news from Zürich",
                "12 shares",
            ],
            &[
                "Share of renewables in Zürich grows",
                "Shares of Facebook fell by a tenth",
                "Twitter bans 40 accounts",
                "Like father, like son",
                "Like many users on Twitter, Zoë learned of it from colleagues in Zürich.",
                "Followers of Zoë 👩‍🚀 came to Zürich",
                "Facebook and Twitter said they would appeal",
            ],
        );
    }
}
