//! Runs of white space inside a line.

use std::ops::Range;

/// The parts to cut so that one white-space character stays of each run, the first one.
pub(crate) fn cuts(text: &str, line: &Range<usize>) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let content = text.get(line.clone()).unwrap_or_default();
    if !may_have_runs(content) {
        return cuts;
    }
    let mut run: Option<usize> = None;
    for (offset, char) in content.char_indices() {
        let at = line.start + offset;
        if char.is_whitespace() {
            run.get_or_insert(at + char.len_utf8());
        } else if let Some(second) = run.take()
            && second < at
        {
            cuts.push(second..at);
        }
    }
    cuts
}

/// A cheap test that most lines fail: a byte that may end white space before one that may begin it.
fn may_have_runs(line: &str) -> bool {
    let mut after_space = false;
    for byte in line.bytes() {
        let is_ascii_space = matches!(byte, 0x09..=0x0d | b' ');
        if after_space && (is_ascii_space || matches!(byte, 0xc2 | 0xe1..=0xe3)) {
            return true;
        }
        after_space =
            is_ascii_space || matches!(byte, 0x80..=0x8a | 0x9f | 0xa0 | 0xa8 | 0xa9 | 0xaf);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_character_of_a_run_stays() {
        let text = "Zoë  👩‍🚀 \t in\u{a0} Zürich";

        let cut: Vec<&str> = cuts(text, &(0..text.len()))
            .into_iter()
            .map(|cut| text.get(cut).unwrap())
            .collect();

        assert_eq!(cut, [" ", "\t ", " "]);
    }

    #[test]
    fn the_cheap_test_misses_no_pair() {
        let spaces: Vec<char> = (0..0x3001_u32)
            .filter_map(char::from_u32)
            .filter(|char| char.is_whitespace() && *char != '\n')
            .collect();
        for one in &spaces {
            for two in &spaces {
                assert!(
                    may_have_runs(&format!("Zoë{one}{two}👩‍🚀")),
                    "{one:?} {two:?}"
                );
            }
        }
    }

    #[test]
    fn single_spaces_stay() {
        let text = "Zoë 👩‍🚀 in\tZürich";

        assert!(cuts(text, &(0..text.len())).is_empty());
    }
}
