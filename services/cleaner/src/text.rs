//! Decoded text to clean text, line by line.

use crate::decode::decode;
use crate::line::{Line, join};
use crate::mapped::{Mapped, Rewrite};
use crate::{boilerplate, ending, headline, markdown, space};

/// Each pass may uncover what the next one removes (`&amp;` in a tag, an advert in bold); real
/// bodies settle in two.
const MAX_PASSES: usize = 6;

/// Drops and cuts what is not the article until nothing changes.
pub(crate) fn clean(decoded: &str, title: &str) -> Mapped {
    let mut cleaned = pass(decoded, title);
    for _ in 1..MAX_PASSES {
        if cleaned.text == decoded {
            break;
        }
        let again = decode(&cleaned.text);
        let next = pass(&again.text, title).after(&again.map);
        if next.text == cleaned.text {
            break;
        }
        cleaned = next.after(&cleaned.map);
    }
    cleaned
}

fn pass(text: &str, title: &str) -> Mapped {
    let mut lines = Line::split(text);
    markdown::cut(text, &mut lines);
    ending::cut_counter(text, &mut lines);
    boilerplate::drop_lines(&mut lines);
    headline::drop_repeats(&mut lines, title);
    for line in lines.iter_mut().filter(|line| !line.dropped) {
        let cuts = space::cuts(text, &line.range);
        line.cut(text, cuts);
    }
    join(text, &lines)
}

/// Cleans a text that is one line, however many it came in.
pub(crate) fn clean_line(decoded: &str) -> Mapped {
    let mut lines = Line::split(decoded);
    markdown::cut(decoded, &mut lines);
    for line in &mut lines {
        let cuts = space::cuts(decoded, &line.range);
        line.cut(decoded, cuts);
    }
    let joined = join(decoded, &lines);
    let one_line = on_one_line(&joined.text);
    one_line.after(&joined.map)
}

/// Puts a space for the line feeds between two lines.
fn on_one_line(text: &str) -> Mapped {
    let mut rewrite = Rewrite::of(text);
    let mut at = 0;
    for (end, feeds) in text.match_indices('\n') {
        if end > at {
            if at > 0 {
                rewrite.insert(" ");
            }
            rewrite.keep_to(end);
        }
        at = end + feeds.len();
        rewrite.skip_to(at);
    }
    if at > 0 && at < text.len() {
        rewrite.insert(" ");
    }
    rewrite.keep_to(text.len());
    rewrite.finish()
}
