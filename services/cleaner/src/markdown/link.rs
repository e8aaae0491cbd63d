//! Links and images inside a line.

use std::ops::Range;

/// What to cut so that of `[text](url)` the text stays, and nothing of `![text](url)`.
pub(super) fn cuts(line: &str) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut opened = Vec::new();
    for (at, char) in line.char_indices() {
        match char {
            '[' => opened.push(at),
            ']' => {
                let Some(open) = opened.pop() else { continue };
                let Some(len) = target_len(line.get(at + 1..).unwrap_or_default()) else {
                    continue;
                };
                let end = at + 1 + len;
                let is_image = line.get(..open).is_some_and(|before| before.ends_with('!'));
                if is_image {
                    cuts.push(open - 1..end);
                } else {
                    cuts.push(open..open + 1);
                    cuts.push(at..end);
                }
            }
            _ => {}
        }
    }
    cuts.sort_by_key(|cut| (cut.start, cut.end));
    cuts
}

/// The length of a target in parentheses, `(url)` or `(url "title")`; it ends before the next
/// bracket, so that all targets of a line are read in linear time.
fn target_len(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('(')?;
    let mut depth = 1;
    for (at, char) in inside.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            '[' | ']' => return None,
            _ => {}
        }
        if depth == 0 {
            return is_target(inside.get(..at)?).then_some(at + 2);
        }
    }
    None
}

/// Whether the inside of the parentheses is an address rather than a remark.
fn is_target(inside: &str) -> bool {
    let (url, title) = match inside.trim().split_once(char::is_whitespace) {
        Some((url, title)) => (url, title.trim()),
        None => (inside.trim(), ""),
    };
    let is_title = title.is_empty() || (title.len() > 1 && title.ends_with(['"', '\'']));
    let looks_like_url = url.starts_with(['/', '#', '.', '<'])
        || url.contains("://")
        || url.starts_with("mailto:")
        || url.contains(['.', '/']);
    is_title && (looks_like_url || url.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(line: &str) -> String {
        let mut plain = line.to_owned();
        for cut in cuts(line).into_iter().rev() {
            plain.replace_range(cut, "");
        }
        plain
    }

    #[test]
    fn the_text_of_a_link_stays() {
        assert_eq!(
            without("Zoë [👩‍🚀 flew](https://x.org/a_(b)) to Zürich"),
            "Zoë 👩‍🚀 flew to Zürich"
        );
        assert_eq!(without("[a](/b \"c d\") and [e](<f.g>)"), "a and e");
    }

    #[test]
    fn images_go() {
        assert_eq!(without("Zoë ![👩‍🚀](z.jpg)in Zürich"), "Zoë in Zürich");
    }

    #[test]
    fn brackets_of_prose_stay() {
        for line in [
            "[sic] (Zoë said)",
            "[Zürich](a remark)",
            "f[0](x)",
            "[a](",
            "](",
        ] {
            assert_eq!(without(line), line);
        }
    }
}
