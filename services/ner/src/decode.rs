//! Tag probabilities to the best legal tags, and tags to spans.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use crate::tag::Tag;
use crate::{Entity, Origin};

/// The tag of one word.
#[derive(Clone, Debug)]
pub(crate) struct WordTag {
    /// Its bytes in the text.
    pub(crate) range: Range<usize>,
    /// Whether a sentence begins with it.
    pub(crate) opens_sentence: bool,
    /// Its tag.
    pub(crate) tag: Tag,
    /// How probable it is that the word has the tag's label, whether first or later in the entity.
    pub(crate) score: f32,
}

/// Which tags may follow which, for one head.
pub(crate) struct Grammar {
    /// `legal[[from, to]]`; the last row is the start of a sentence.
    legal: Array2<bool>,
}

impl Grammar {
    pub(crate) fn new(tags: &[Tag]) -> Self {
        let legal = Array2::from_shape_fn((tags.len() + 1, tags.len()), |(from, to)| {
            tags[to].may_follow(tags.get(from))
        });
        Self { legal }
    }

    /// Finds the most probable legal sequence of tags (Viterbi, 1967).
    ///
    /// `log_probs` has shape `[words, tags]`; `opens` tells of each word whether a sentence begins
    /// with it. The first word of a window that no sentence begins with may have any tag.
    pub(crate) fn best(&self, log_probs: ArrayView2<'_, f32>, opens: &[bool]) -> Vec<usize> {
        let tags = log_probs.ncols();
        let start = self.legal.nrows() - 1;
        let mut best: Vec<f32> = Vec::new();
        let mut back: Vec<usize> = Vec::new();
        for (word, &opens) in log_probs.rows().into_iter().zip(opens) {
            // Only the best sequence so far matters to a word that opens a sentence.
            let top = argmax(&best);
            let mut scores = Vec::with_capacity(tags);
            for to in 0..tags {
                let from = match (top, opens) {
                    (None, _) => None,
                    (top, true) => top,
                    (_, false) => argmax_where(&best, |from| self.legal[[from, to]]),
                };
                let legal = !opens || self.legal[[start, to]];
                let before = from.map_or(0.0, |from| best[from]);
                scores.push(if legal {
                    before + word[to]
                } else {
                    f32::NEG_INFINITY
                });
                back.push(from.unwrap_or_default());
            }
            best = scores;
        }
        trace(&best, &back, tags)
    }
}

/// Follows the pointers back from the best last tag.
fn trace(best: &[f32], back: &[usize], tags: usize) -> Vec<usize> {
    let Some(mut tag) = argmax(best) else {
        return Vec::new();
    };
    let mut sequence = Vec::with_capacity(back.len() / tags);
    for pointers in back.chunks(tags).rev() {
        sequence.push(tag);
        tag = pointers[tag];
    }
    sequence.reverse();
    sequence
}

fn argmax(values: &[f32]) -> Option<usize> {
    argmax_where(values, |_| true)
}

fn argmax_where(values: &[f32], allowed: impl Fn(usize) -> bool) -> Option<usize> {
    (0..values.len())
        .filter(|&i| allowed(i))
        .max_by(|&a, &b| values[a].total_cmp(&values[b]))
}

/// Joins B-/I- tags into entities; a stray `I-` opens a new one, as CoNLL scorers count it.
///
/// The score of an entity is the mean of its words' scores.
pub(crate) fn decode(words: impl Iterator<Item = WordTag>) -> Vec<Entity> {
    let mut entities: Vec<Entity> = Vec::new();
    let mut open: Option<Open> = None;
    for word in words {
        match (&word.tag, &mut open) {
            (Tag::Inside(label), Some(span)) if !word.opens_sentence && span.label == *label => {
                span.add(&word);
            }
            (tag, _) => {
                entities.extend(open.take().map(Open::close));
                open = tag.label().map(|label| Open::new(Arc::clone(label), &word));
            }
        }
    }
    entities.extend(open.map(Open::close));
    entities
}

/// An entity that may still grow.
struct Open {
    label: Arc<str>,
    range: Range<usize>,
    words: f32,
    scores: f32,
}

impl Open {
    fn new(label: Arc<str>, word: &WordTag) -> Self {
        Self {
            label,
            range: word.range.clone(),
            words: 1.0,
            scores: word.score,
        }
    }

    fn add(&mut self, word: &WordTag) {
        self.range.end = word.range.end;
        self.words += 1.0;
        self.scores += word.score;
    }

    fn close(self) -> Entity {
        Entity {
            range: self.range,
            label: self.label,
            score: self.scores / self.words,
            origin: Origin::Model,
            id: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn tags() -> Vec<Tag> {
        ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
            .map(|tag| Tag::parse(tag).unwrap())
            .to_vec()
    }

    fn spans(written: &[(&str, bool)]) -> Vec<(String, Range<usize>)> {
        let words = written
            .iter()
            .enumerate()
            .map(|(i, (tag, opens_sentence))| WordTag {
                range: 2 * i..2 * i + 1,
                opens_sentence: *opens_sentence,
                tag: Tag::parse(tag).unwrap(),
                score: 0.5,
            });
        decode(words)
            .into_iter()
            .map(|found| (found.label.to_string(), found.range))
            .collect()
    }

    #[test]
    fn tags_are_joined_to_spans() {
        let found = spans(&[
            ("B-LOC", true),
            ("I-LOC", false),
            ("B-LOC", false),
            ("O", false),
        ]);

        assert_eq!(found, [("LOC".to_owned(), 0..3), ("LOC".to_owned(), 4..5)]);
    }

    #[test]
    fn stray_inside_tag_opens_a_span() {
        let found = spans(&[
            ("B-LOC", true),
            ("I-ORG", false),
            ("O", false),
            ("I-LOC", false),
        ]);

        let labels: Vec<_> = found
            .iter()
            .map(|(label, range)| (label.as_str(), range.start))
            .collect();
        assert_eq!(labels, [("LOC", 0), ("ORG", 2), ("LOC", 6)]);
    }

    #[test]
    fn no_span_crosses_into_the_next_sentence() {
        let found = spans(&[("B-LOC", true), ("I-LOC", true)]);

        assert_eq!(found.len(), 2);
    }

    #[test]
    fn best_sequence_is_legal() {
        let log_probs = array![[-0.9, -1.0, -9., -9., -9.], [-9., -9., -0.1, -9., -3.]];
        let grammar = Grammar::new(&tags());

        let best = grammar.best(log_probs.view(), &[true, false]);

        assert_eq!(
            best,
            [1, 2],
            "I-LOC needs a B-LOC, though O alone is likelier"
        );
    }

    #[test]
    fn sentence_start_breaks_the_sequence() {
        let log_probs = array![[-9., -0.1, -9., -9., -9.], [-9., -2.0, -0.1, -9., -3.]];
        let grammar = Grammar::new(&tags());

        assert_eq!(grammar.best(log_probs.view(), &[true, false]), [1, 2]);
        assert_eq!(grammar.best(log_probs.view(), &[true, true]), [1, 1]);
    }

    #[test]
    fn no_words_have_no_tags() {
        let none = Array2::zeros((0, 5));

        assert_eq!(Grammar::new(&tags()).best(none.view(), &[]), [0; 0]);
    }
}
