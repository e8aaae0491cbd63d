//! Comment forms and counters.

use super::{Rule, anywhere};

pub(super) const RULE: Rule = Rule {
    patterns: &[
        r"(?:leave|depart|go away|post|add|write|submit|drop) (?:a|an|your) (?:reply|comment|remark|response|answer)s?(?: (?:below|cancel reply|to .+))?[.!]?(?: cancel reply)?",
        r"\d[\d,.]* (?:comments?|replies|responses|remarks)(?: (?:yet|so far|on .+))?",
        r"(?:no|one) (?:comments?|replies|responses|remarks)(?: (?:(?:yet|so far)[.]?|on .*[^.]))?",
        r"(?:view|show|hide|read|see|load)(?: all| more)?(?: \d+)? comments?(?: \(\d+\))?",
        r"comments?(?: ?\(\d+\)| section)?:?|comments (?:are|have been|is) (?:closed|disabled|off|turned off)\b.*",
        r"be the first to (?:comment|reply|leave a comment)\b.*|join the (?:conversation|discussion|debate)\b.*",
        r"your e-?mail (?:address|tackle) (?:will not|won't|is not going to) be (?:published|revealed|printed|displayed)\b.*",
        r"required fields are marked.*|\* ?required.*|cancel reply|post comment|submit comment|reply",
        r"(?:name|email|e-mail|website|comment|your name|your email|your comment|message) ?\*",
        r"save my (?:name|title|identify),? .*(?:email|e-mail|website)\b.*",
        r"(?:you must|please) (?:be )?(?:log|sign)(?:ged)? ?in to (?:post a |leave a |write a )?comment\b.*|log in to (?:reply|comment|leave a comment).*",
        r"this site uses akismet\b.*|learn how your comment data is processed\.?",
        r"notify me of (?:new|follow-up) (?:posts|comments)\b.*",
        r"what do you think\??(?: (?:let us know|tell us|share|leave)\b.*)?|let us know (?:what you think|your thoughts|in the comments)\b.*",
    ],
    holds: anywhere,
};

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn comment_forms_go() {
        check(
            &[
                "Leave a Reply",
                "Leave a comment Cancel reply",
                "Depart a Reply",
                "Your email address will not be published. Required fields are marked *",
                "Your email tackle won’t be revealed.",
                "5 Comments",
                "No comments yet",
                "1,204 comments",
                "Comments",
                "Name *",
                "Save my name, email, and website in this browser for the next time I comment.",
                "This site uses Akismet to reduce spam. Learn how your comment data is processed.",
                "Be the first to comment",
            ],
            &[
                "Comments by Zoë 👩‍🚀 angered Zürich",
                "40 comments were deleted, Zürich police said.",
                "Reply came from Zürich on Monday",
                "Leave a window open at night",
                "No comment on the raid in Zürich was available from the company.",
            ],
        );
    }
}
