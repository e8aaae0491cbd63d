//! Lines of rules and dots that part sections.

use super::{Rule, anywhere};

pub(super) const RULE: Rule = Rule {
    patterns: &[r"[*\-_=~•·–—#+|<> \\/.…]+"],
    holds: anywhere,
};

#[cfg(test)]
mod tests {
    use crate::boilerplate::tests::check;

    #[test]
    fn lines_without_words_go() {
        check(
            &["***", "* * *", "-----", "____", "• • •", "|"],
            &["👩‍🚀", "5", "東", "?!"],
        );
    }
}
