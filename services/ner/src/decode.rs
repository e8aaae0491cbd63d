//! Tag probabilities to the spans that are worth stating.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::opinion::Opinions;
use crate::tag::Tag;

/// Words of an entity, at most. Where each of many words may both begin a name and go on with one, all
/// pairs of them would be looked at.
const MAX_WORDS: usize = 64;

/// Words that bear the name of one entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) words: Range<usize>,
    pub(crate) label: Arc<str>,
}

/// Chooses spans by the tags of one head.
pub(crate) struct Decoder {
    labels: Vec<Label>,
    tags: usize,
    outside: usize,
}

/// A label, the columns of its tags for an entity's first word and for later ones, and the confidence
/// from which on it is stated.
struct Label {
    name: Arc<str>,
    first: usize,
    later: usize,
    threshold: f32,
}

/// The best that is known of the words before a place.
#[derive(Clone, Copy, Default)]
struct Best {
    promise: f32,
    /// Where the last span begins and its label; `None` where the last word is in none.
    span: Option<(usize, usize)>,
}

impl Decoder {
    /// None where there is no tag `O`, or a label has only one of its tags or no threshold.
    pub(crate) fn new(tags: &[Tag], thresholds: &HashMap<String, f32>) -> Option<Self> {
        let column = |wanted: &Tag| tags.iter().position(|tag| tag == wanted);
        let mut labels = Vec::new();
        for tag in tags {
            let Some(name) = tag.label() else { continue };
            let label = Label {
                name: Arc::clone(name),
                first: column(&Tag::Begin(Arc::clone(name)))?,
                later: column(&Tag::Inside(Arc::clone(name)))?,
                threshold: *thresholds.get(&**name)?,
            };
            if matches!(tag, Tag::Begin(_)) {
                labels.push(label);
            }
        }
        Some(Self {
            labels,
            tags: tags.len(),
            outside: column(&Tag::Outside)?,
        })
    }

    /// The tag `O`.
    pub(crate) fn outside(&self) -> usize {
        self.outside
    }

    /// Chooses the spans of a text, none of which shares a word with another, that together promise
    /// most: each adds its confidence less its label's threshold, so one that has less is not stated.
    /// The thresholds count so many times as `share` says.
    ///
    /// That is decoding for the least risk instead of for the likeliest tags. F1 is best with half of
    /// itself as threshold (Lipton, Elkan and Narayanaswamy 2014, Optimal thresholding of
    /// classifiers to maximize F1 measure).
    ///
    /// `opens` tells of each word whether a sentence begins with it; no span goes on there, nor over
    /// a word that is surely outside.
    pub(crate) fn spans(&self, opinions: &Opinions, opens: &[bool], share: f32) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut run: Vec<&[f32]> = Vec::new();
        for word in 0..=opinions.len() {
            let row = opinions.of(word, self.tags);
            if row.is_none() || opens.get(word) == Some(&true) {
                spans.extend(self.spans_of_run(&run, word - run.len(), share));
                run.clear();
            }
            run.extend(row);
        }
        spans
    }

    /// The spans of words in a row, the first of which has the place `start` in the text.
    fn spans_of_run(&self, run: &[&[f32]], start: usize, share: f32) -> Vec<Span> {
        let mut best = vec![Best::default(); run.len() + 1];
        for begin in 0..run.len() {
            carry(&mut best, begin);
            for (number, label) in self.labels.iter().enumerate() {
                let threshold = share * label.threshold;
                for (end, confidence) in label.candidates(run, begin, threshold) {
                    let promise = best[begin].promise + confidence - threshold;
                    if promise > best[end].promise {
                        let span = Some((begin, number));
                        best[end] = Best { promise, span };
                    }
                }
            }
        }
        carry(&mut best, run.len());
        self.trace(&best, start)
    }

    /// Follows the best spans back from the last word.
    fn trace(&self, best: &[Best], start: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut end = best.len() - 1;
        while end > 0 {
            let Some((begin, label)) = best[end].span else {
                end -= 1;
                continue;
            };
            spans.push(Span {
                words: start + begin..start + end,
                label: Arc::clone(&self.labels[label].name),
            });
            end = begin;
        }
        spans.reverse();
        spans
    }
}

impl Label {
    /// The ends of the spans that begin with a word and have more confidence than the threshold.
    ///
    /// A span is as sure as the least sure of its words is of its tag, and only so far as the word
    /// after it does not go on with it.
    fn candidates(
        &self,
        run: &[&[f32]],
        begin: usize,
        threshold: f32,
    ) -> impl Iterator<Item = (usize, f32)> {
        let mut weakest = run[begin][self.first].exp();
        (begin + 1..=run.len())
            .take(MAX_WORDS)
            .map_while(move |end| {
                if weakest <= threshold {
                    return None;
                }
                let goes_on = run.get(end).map_or(0.0, |row| row[self.later].exp());
                let confidence = weakest * (1.0 - goes_on);
                weakest = weakest.min(goes_on);
                Some((end, confidence))
            })
            .filter(move |(_, confidence)| *confidence > threshold)
    }
}

/// Takes over what is best without the word before a place, where no span that ends there is better.
fn carry(best: &mut [Best], place: usize) {
    if let Some(before) = place.checked_sub(1)
        && best[before].promise >= best[place].promise
    {
        best[place] = Best {
            promise: best[before].promise,
            span: None,
        };
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn tags(written: &[&str]) -> Vec<Tag> {
        written.iter().filter_map(|tag| Tag::parse(tag)).collect()
    }

    fn thresholds() -> HashMap<String, f32> {
        [("LOC", 0.4), ("ORG", 0.2)]
            .map(|(label, threshold)| (label.to_owned(), threshold))
            .into()
    }

    /// The spans of words that have these probabilities of `B-LOC`, `I-LOC`, `B-ORG`, `I-ORG`.
    fn found(probs: &[[f32; 4]], opens: &[bool]) -> Vec<(String, Range<usize>)> {
        let tags = tags(&["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]);
        let rows = Array2::from_shape_fn((probs.len(), 5), |(word, tag)| match tag {
            0 => (1.0 - probs[word].iter().sum::<f32>()).ln(),
            tag => probs[word][tag - 1].ln(),
        });
        let decoder = Decoder::new(&tags, &thresholds()).unwrap();
        let spans = decoder.spans(&Opinions::new(rows.view(), 0), opens, 1.0);
        let spans = spans.into_iter();
        spans
            .map(|span| (span.label.to_string(), span.words))
            .collect()
    }

    fn loc(words: Range<usize>) -> (String, Range<usize>) {
        ("LOC".to_owned(), words)
    }

    const LOC: [f32; 4] = [0.9, 0.0, 0.05, 0.0];
    const LATER: [f32; 4] = [0.0, 0.9, 0.0, 0.05];
    const NOTHING: [f32; 4] = [0.0; 4];

    #[test]
    fn words_of_a_label_make_a_span() {
        let found = found(
            &[LOC, LATER, LATER, NOTHING, LOC],
            &[true, false, false, false, false],
        );

        assert_eq!(found, [loc(0..3), loc(4..5)]);
    }

    #[test]
    fn a_word_that_begins_a_name_ends_the_one_before() {
        assert_eq!(found(&[LOC, LOC], &[true, false]), [loc(0..1), loc(1..2)]);
    }

    #[test]
    fn what_is_hardly_likelier_than_something_else_is_not_stated() {
        let torn = [0.35, 0.0, 0.1, 0.0];

        assert_eq!(
            found(&[torn, NOTHING, LOC], &[true, false, false]),
            [loc(2..3)]
        );
    }

    #[test]
    fn each_label_has_a_threshold_of_its_own() {
        let found = found(&[[0.45, 0.0, 0.35, 0.0]], &[true]);

        assert_eq!(found, [("ORG".to_owned(), 0..1)]);
    }

    #[test]
    fn a_name_of_which_a_word_is_unsure_is_not_stated() {
        let unsure = [0.3, 0.3, 0.0, 0.0];

        assert_eq!(
            found(&[LOC, unsure, LATER], &[true, false, false]),
            [loc(0..1)]
        );
    }

    #[test]
    fn a_name_ends_where_it_more_likely_ends() {
        let perhaps = |goes_on| [0.0, goes_on, 0.0, 0.0];

        assert_eq!(found(&[LOC, perhaps(0.6)], &[true, false]), [loc(0..2)]);
        assert_eq!(found(&[LOC, perhaps(0.4)], &[true, false]), [loc(0..1)]);
    }

    #[test]
    fn two_names_that_promise_more_go_before_a_longer_one() {
        let second = [0.52, 0.44, 0.0, 0.0];

        let found = found(&[LOC, second], &[true, false]);

        assert_eq!(found, [loc(0..1), loc(1..2)]);
    }

    #[test]
    fn a_span_is_not_longer_than_a_name_can_be() {
        let mut probs = vec![LATER; MAX_WORDS + 1];
        probs[0] = LOC;
        // Its end is as likely here as anywhere.
        probs[MAX_WORDS] = [0.0, 0.5, 0.0, 0.0];
        let found = found(&probs, &vec![false; probs.len()]);

        assert_eq!(found, [loc(0..MAX_WORDS)]);
    }

    #[test]
    fn no_span_crosses_into_the_next_sentence() {
        assert_eq!(found(&[LOC, LATER], &[true, true]), [loc(0..1)]);
    }

    #[test]
    fn what_only_goes_on_with_a_name_is_none() {
        assert_eq!(found(&[LATER, NOTHING], &[true, false]), []);
    }

    #[test]
    fn no_words_have_no_spans() {
        assert_eq!(found(&[], &[]), []);
    }

    #[test]
    fn a_label_without_one_of_its_tags_or_a_threshold_is_refused() {
        for written in [
            &["O", "B-LOC"][..],
            &["O", "I-LOC"],
            &["B-LOC", "I-LOC"],
            &["O", "B-FAC", "I-FAC"],
        ] {
            let decoder = Decoder::new(&tags(written), &thresholds());
            assert!(decoder.is_none(), "{written:?}");
        }
    }
}
