//! The sentences of a page, for when readability took the wrong part of it.

/// Shorter lines are headings, links, buttons.
const MIN_WORDS: usize = 12;

/// An article with a smaller share of the page's prose is taken for a teaser or a comment, unless
/// it is long: then the rest is the comments.
const MIN_SHARE: f32 = 0.35;
const LONG_WORDS: usize = 600;

/// The lines of visible text that are prose, with the line right above each, which may be its
/// heading; nothing where `article` has a fair share of them.
pub(super) fn missed_by(article: &str, visible: &str) -> Option<String> {
    let all = words_in_prose(visible);
    let found = words_in_prose(article);
    if found >= LONG_WORDS || found as f32 >= all as f32 * MIN_SHARE {
        return None;
    }
    let lines: Vec<&str> = visible.lines().filter(|line| !line.is_empty()).collect();
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(i, line)| is_prose(line) || lines.get(i + 1).is_some_and(|next| is_prose(next)));
    Some(kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n\n"))
}

fn words_in_prose(text: &str) -> usize {
    text.lines()
        .filter(|line| is_prose(line))
        .map(|line| line.split_whitespace().count())
        .sum()
}

fn is_prose(line: &str) -> bool {
    line.split_whitespace().nth(MIN_WORDS - 1).is_some() && line.contains(['.', '?', '!', '。'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROSE: &str = "Zoë 👩‍🚀 landed in Zürich on Monday, and all of the town came to see her. ";

    #[test]
    fn a_teaser_is_no_article() {
        let visible = format!("Menu\n\nHeading\n{}\n\nAd\n\nHome", [PROSE; 9].join("\n"));

        let prose = missed_by(PROSE, &visible).unwrap();

        assert!(prose.starts_with("Heading\n\nZoë 👩‍🚀") && !prose.contains("Menu"));
    }

    #[test]
    fn an_article_with_its_share_stays() {
        let visible = [PROSE; 9].join("\n");

        assert_eq!(missed_by(&[PROSE; 5].join("\n"), &visible), None);
        assert_eq!(missed_by("", "Menu\nHome"), None);
    }

    #[test]
    fn a_long_article_above_many_comments_stays() {
        let visible = [PROSE; 900].join("\n");

        assert_eq!(missed_by(&[PROSE; 60].join("\n"), &visible), None);
    }
}
