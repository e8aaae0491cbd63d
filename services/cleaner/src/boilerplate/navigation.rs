//! What a site says about moving around in it.

use super::{Rule, anywhere};

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:skip|jump|go) (?:to|past) (?:the )?(?:main |primary |page )?(?:content(?: material)?|navigation|menu|search|footer|header|article)",
        r"home ?(?:[>»/|›→]|::) ?.+",
        r"(?:main |primary |mobile |site |toggle |open |close |hamburger )(?:menu|navigation|nav|search)",
        r"menu|home|search|close|login|log in|sign in|log out|my account|search for:|toggle navigation|site map|sitemap",
        r"(?:back|return|scroll) to (?:the )?(?:top|home|homepage|main page|all news)",
        r"(?:previous|next|prev|earlier|older|newer) (?:article|post|story|stories|posts|page|entry)",
        r"(?:previous|next) (?:article|post|story): ?.+",
        r"(?:load|show|view|see|read) (?:more|all|less)(?: (?:news|stories|articles|posts|results|comments|photos|videos))?|more(?:\.\.\.|…)?",
        r"(?:view|see) all(?: .+)?",
        r"(?:listen|watch) (?:to (?:this|the) (?:article|story)|live)|listen now|watch now|play video|play audio|audio (?:player|version)",
        r"(?:text|font) size|print (?:this )?(?:page|article|story)|print|reading time:? ?\d.*|\d+ min(?:ute)?s? read|estimated read time:? .+",
        r"click (?:on )?(?:right )?here(?: (?:to|for) .+)?",
    ],
    holds: anywhere,
};

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn navigation_lines_go() {
        check(
            &[
                "Skip to content",
                "Skip to main navigation",
                "Home > News > Zürich",
                "Home » World",
                "More>>",
                "Back to top",
                "Previous article",
                "4 min read",
                "Reading time: 4 minutes",
                "Toggle navigation",
                "Click on right here to read extra",
            ],
            &[
                "Homes in Zürich > half of income",
                "Search teams found Zoë 👩‍🚀",
                "Next article of the treaty bans mines",
                "Print workers strike in Zürich",
                "Reading time among children in Zürich fell to 20 minutes a day.",
                "More than 40 people fled",
            ],
        );
    }
}
