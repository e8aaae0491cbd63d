//! Calls to subscribe, to sign up, to pay.

use super::Rule;
use super::place::Place;

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"subscribe(?: (?:now|today|here|to|for|and) ?.*)?[!.]?",
        r"(?:sign|signal|register) (?:up|in)(?: (?:now|today|here|for|to|with) ?.*)?[!.]?",
        r"register (?:now|today|here)\b.*",
        r"(?:join|get|receive|start|try) .*(?:newsletter|e-?newsletter|in your inbox|to your inbox|your e-?mail|breaking news alerts?|push notifications?)\b.*",
        r"(?:enter|type|provide) (?:your|a valid) e-?mail\b.*",
        r"(?:please )?(?:check|confirm) your (?:inbox|e-?mail)\b.*",
        r"(?:thank you|thanks) for (?:subscribing|signing up|your subscription)\b.*",
        r"already (?:a|have an?) (?:subscriber|member|account|subscription)\b.*",
        r"(?:this (?:article|story|content) is|the rest of this article is) (?:for|available (?:only )?to|reserved for|exclusive to) (?:our )?(?:paid |registered )?(?:subscribers|members)\b.*",
        r"(?:subscribe|register|log in|sign in) to (?:read|continue|keep|unlock|access)\b.*",
        r"(?:become a|support our|donate to|your support) .*(?:member|subscriber|supporter|journalism|reporters?|newsroom)\b.*",
        r"(?:download|get|install) (?:our|the) (?:.+ )?app\b.*",
        r"(?:newsletters?|e-?newsletters?|our newsletters?|daily briefing|subscriptions?|e-?paper|get the app)",
        r"stay (?:up[ -]to[ -]date|informed|tuned|connected|ahead)\b.*",
    ],
    holds: speaks_to_the_reader,
};

fn speaks_to_the_reader(place: &Place<'_>) -> bool {
    place.word_count() <= 30
}

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn calls_to_subscribe_go() {
        check(
            &[
                "Subscribe to our newsletter",
                "Subscribe now!",
                "Sign up for our daily briefing from Zürich",
                "Signal up for our e-newsletter",
                "Get the best of Zürich in your inbox",
                "Enter your email address",
                "Already a subscriber? Log in",
                "Thanks for signing up!",
                "Download our app",
                "Stay up to date with news from Zürich",
            ],
            &[
                "Sign of the times",
                "Signal users in Zürich were phished",
                "Get ready for Zoë 👩‍🚀",
                "Register of voters was leaked",
                "Start of the season in Zürich is put off",
                "Newsletter of the sect called for violence",
                "Join the army, he was told.",
            ],
        );
    }
}
