//! Emphasis inside a line: `*x*`, `**x**`, `***x***` and the same with underscores.

use std::ops::Range;

/// A row of one mark.
struct Row {
    mark: char,
    range: Range<usize>,
    opens: bool,
    closes: bool,
}

impl Row {
    fn len(&self) -> usize {
        self.range.len()
    }
}

/// The marks to cut, those of pairs only; marks inside the `addresses` of links, which are sorted,
/// are left alone.
pub(super) fn cuts(line: &str, addresses: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut opened: Vec<Row> = Vec::new();
    let mut addresses = addresses.iter().peekable();
    let mut address_end = 0;
    for row in rows(line) {
        while let Some(address) = addresses.next_if(|address| address.start <= row.range.start) {
            address_end = address_end.max(address.end);
        }
        if row.range.start < address_end {
            continue;
        }
        let opener = opened.iter().rposition(|open| {
            open.mark == row.mark && open.len() == row.len() && pairs(line, open, &row)
        });
        if let Some(at) = opener.filter(|_| row.closes) {
            cuts.push(opened[at].range.clone());
            cuts.push(row.range);
            opened.truncate(at);
        } else if row.opens && opened.len() < MAX_OPENED {
            opened.push(row);
        }
    }
    cuts
}

/// Nobody writes deeper emphasis; more would take quadratic time.
const MAX_OPENED: usize = 16;

const MAX_NAME_LEN: usize = 40;

/// Whether two rows enclose words; `__init__` is a name, not emphasis.
fn pairs(line: &str, open: &Row, close: &Row) -> bool {
    let inside = line
        .get(open.range.end..close.range.start)
        .unwrap_or_default();
    let may_be_name = open.mark == '_' && inside.len() <= MAX_NAME_LEN;
    let is_name = may_be_name && inside.bytes().all(|byte| byte.is_ascii_lowercase());
    !inside.is_empty() && !is_name
}

fn rows(line: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut before = None;
    let mut chars = line.char_indices().peekable();
    while let Some((start, char)) = chars.next() {
        if !matches!(char, '*' | '_') {
            before = Some(char);
            continue;
        }
        let mut end = start + 1;
        while chars.next_if(|(_, next)| *next == char).is_some() {
            end += 1;
        }
        let after = chars.peek().map(|(_, after)| *after);
        if end - start <= 3 {
            rows.push(Row {
                mark: char,
                range: start..end,
                opens: !is_word(before) && after.is_some_and(|after| !after.is_whitespace()),
                closes: before.is_some_and(|before| !before.is_whitespace())
                    && ((char == '*' && end - start > 1) || !is_word(after)),
            });
        }
        before = Some(char);
    }
    rows
}

/// Whether a neighbour of a row is part of a word.
fn is_word(neighbour: Option<char>) -> bool {
    neighbour.is_some_and(|char| char.is_alphanumeric() || matches!(char, '*' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(line: &str) -> String {
        let mut cuts = cuts(line, &[]);
        cuts.sort_by_key(|cut| cut.start);
        let mut plain = line.to_owned();
        for cut in cuts.into_iter().rev() {
            plain.replace_range(cut, "");
        }
        plain
    }

    #[test]
    fn marks_of_emphasis_go() {
        assert_eq!(
            without("**Zoë** 👩‍🚀 *in* __Zürich City__"),
            "Zoë 👩‍🚀 in Zürich City"
        );
        assert_eq!(
            without("***all*** **bold *and* slanted**"),
            "all bold and slanted"
        );
        assert_eq!(without("“**Zoë**”, (_she said_)"), "“Zoë”, (she said)");
        assert_eq!(without("1. **How much?**"), "1. How much?");
        assert_eq!(without("**Where:**Zürich"), "Where:Zürich");
    }

    #[test]
    fn stars_and_underscores_of_prose_stay() {
        for line in [
            "f**k this s**t",
            "patrick***@live.nl and patrick*******@gmail.com",
            "2 * 3 * 4 = 24",
            "*Prices as of Monday",
            "run __init__ in some_file_name",
            "********@gcsu.edu",
            "5* and 4* hotels",
        ] {
            assert_eq!(without(line), line);
        }
    }

    #[test]
    fn marks_inside_addresses_stay() {
        let addresses = Vec::from_iter(std::iter::once(0..8));

        assert!(cuts("(/a_b_c) _", &addresses).is_empty());
    }
}
