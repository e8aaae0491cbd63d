//! Tag probabilities to the best legal tags, and tags to spans.

use std::ops::Range;
use std::sync::Arc;

use ndarray::Array2;

use crate::opinion::Opinions;
use crate::tag::Tag;

/// Words that bear the name of one entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) words: Range<usize>,
    pub(crate) label: Arc<str>,
}

/// Which tags may follow which, for one head.
pub(crate) struct Grammar {
    /// `legal[[from, to]]`; the last row is the start of a sentence.
    legal: Array2<bool>,
    /// The tag `O`.
    outside: usize,
}

impl Grammar {
    /// None where there is no tag `O`.
    pub(crate) fn new(tags: &[Tag]) -> Option<Self> {
        let legal = Array2::from_shape_fn((tags.len() + 1, tags.len()), |(from, to)| {
            tags[to].may_follow(tags.get(from))
        });
        let outside = tags.iter().position(|tag| *tag == Tag::Outside)?;
        Some(Self { legal, outside })
    }

    /// Number of tags.
    pub(crate) fn tags(&self) -> usize {
        self.legal.ncols()
    }

    /// The tag `O`.
    pub(crate) fn outside(&self) -> usize {
        self.outside
    }

    /// Finds the most probable legal sequence of tags of each sentence; `opens` tells of each word
    /// whether a sentence begins with it.
    ///
    /// A word that is surely outside cuts its sentence in two: what follows it is as at the start.
    pub(crate) fn best(&self, opinions: &Opinions, opens: &[bool]) -> Vec<usize> {
        let mut tags = vec![self.outside; opinions.len()];
        let mut run: Vec<&[f32]> = Vec::new();
        for word in 0..=opinions.len() {
            let row = opinions.of(word, self.tags());
            if row.is_none() || opens.get(word) == Some(&true) {
                tags[word - run.len()..word].copy_from_slice(&self.best_run(&run));
                run.clear();
            }
            run.extend(row);
        }
        tags
    }

    /// Finds the most probable legal sequence of tags of words in a row (Viterbi, 1967).
    fn best_run(&self, log_probs: &[&[f32]]) -> Vec<usize> {
        let tags = self.tags();
        let start = self.legal.nrows() - 1;
        let mut best: Vec<f32> = Vec::new();
        let mut back: Vec<usize> = Vec::with_capacity(tags * log_probs.len());
        for (i, word) in log_probs.iter().enumerate() {
            let mut scores = Vec::with_capacity(tags);
            for to in 0..tags {
                let from = argmax_where(&best, |from| self.legal[[from, to]]);
                let legal = i > 0 || self.legal[[start, to]];
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

/// Joins B-/I- tags into spans; a stray `I-` opens a new one, as CoNLL scorers count it.
pub(crate) fn spans<'t>(tags: impl Iterator<Item = &'t Tag>, opens: &[bool]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (word, (tag, &opens)) in tags.zip(opens).enumerate() {
        match (tag, spans.last_mut()) {
            (Tag::Inside(label), Some(span))
                if !opens && span.words.end == word && span.label == *label =>
            {
                span.words.end += 1;
            }
            (tag, _) => spans.extend(tag.label().map(|label| Span {
                words: word..word + 1,
                label: Arc::clone(label),
            })),
        }
    }
    spans
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

    fn found(written: &[(&str, bool)]) -> Vec<(String, Range<usize>)> {
        let tags: Vec<Tag> = written
            .iter()
            .map(|(tag, _)| Tag::parse(tag).unwrap())
            .collect();
        let opens: Vec<bool> = written.iter().map(|(_, opens)| *opens).collect();
        spans(tags.iter(), &opens)
            .into_iter()
            .map(|found| (found.label.to_string(), found.words))
            .collect()
    }

    fn best(log_probs: &Array2<f32>, opens: &[bool]) -> Vec<usize> {
        let opinions = Opinions::new(log_probs.view(), 0);
        Grammar::new(&tags()).unwrap().best(&opinions, opens)
    }

    #[test]
    fn tags_are_joined_to_spans() {
        let found = found(&[
            ("B-LOC", true),
            ("I-LOC", false),
            ("B-LOC", false),
            ("O", false),
        ]);

        assert_eq!(found, [("LOC".to_owned(), 0..2), ("LOC".to_owned(), 2..3)]);
    }

    #[test]
    fn stray_inside_tag_opens_a_span() {
        let found = found(&[
            ("B-LOC", true),
            ("I-ORG", false),
            ("O", false),
            ("I-LOC", false),
        ]);

        let labels: Vec<_> = found
            .iter()
            .map(|(label, words)| (label.as_str(), words.start))
            .collect();
        assert_eq!(labels, [("LOC", 0), ("ORG", 1), ("LOC", 3)]);
    }

    #[test]
    fn no_span_crosses_into_the_next_sentence() {
        let found = found(&[("B-LOC", true), ("I-LOC", true)]);

        assert_eq!(found.len(), 2);
    }

    #[test]
    fn best_sequence_is_legal() {
        let log_probs = array![[-0.9, -1.0, -9., -9., -9.], [-9., -9., -0.1, -9., -3.]];

        let best = best(&log_probs, &[true, false]);

        assert_eq!(
            best,
            [1, 2],
            "I-LOC needs a B-LOC, though O alone is likelier"
        );
    }

    #[test]
    fn sentence_start_breaks_the_sequence() {
        let log_probs = array![[-9., -0.1, -9., -9., -9.], [-9., -2.0, -0.1, -9., -3.]];

        assert_eq!(best(&log_probs, &[true, false]), [1, 2]);
        assert_eq!(best(&log_probs, &[true, true]), [1, 1]);
    }

    #[test]
    fn what_follows_a_word_that_is_surely_outside_opens_a_span() {
        let log_probs = array![
            [-9., -0.1, -9., -9., -9.],
            [-1e-4, -9., -20., -20., -20.],
            [-9., -3., -0.1, -9., -9.]
        ];

        assert_eq!(best(&log_probs, &[true, false, false]), [1, 0, 1]);
    }

    #[test]
    fn no_words_have_no_tags() {
        assert_eq!(best(&Array2::zeros((0, 5)), &[]), [0; 0]);
    }
}
