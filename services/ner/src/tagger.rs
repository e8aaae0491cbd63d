//! The model's tag heads.

use copydesk_encoder::{Error, Linear, ModelFolder, Window};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use unicode_segmentation::GraphemeCursor;

use crate::decode::{Grammar, WordTag, decode};
use crate::tag::Tag;
use crate::{Entity, indicator, merge};

/// Finds the entities of a text, given the token vectors of its windows.
pub struct Tagger {
    heads: Vec<Head>,
}

/// The tags of the words that a window owns, by head. They hold wherever the window stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowTags(Vec<Vec<Scored>>);

/// A tag, by its place among its head's, and how probable it is that the word has its label.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scored {
    tag: u16,
    score: f32,
}

struct Head {
    linear: Linear,
    tags: Vec<Tag>,
    grammar: Grammar,
}

impl Tagger {
    /// Loads the tag heads of a model, the most general first.
    pub fn load(folder: &ModelFolder) -> Result<Self, Error> {
        let heads = folder.tag_heads().iter().map(|head| {
            let tags: Option<Vec<Tag>> = head.tags.iter().map(|tag| Tag::parse(tag)).collect();
            let tags = tags.ok_or(Error::Unsupported("heads.json holds a tag that is not BIO"))?;
            let linear = folder.linear(&head.name, tags.len())?;
            Ok(Head {
                linear,
                grammar: Grammar::new(&tags),
                tags,
            })
        });
        Ok(Self {
            heads: heads.collect::<Result<_, Error>>()?,
        })
    }

    /// Tags the words that a window owns. `vectors` has shape `[tokens, hidden]`.
    pub fn tag(&self, window: &Window, vectors: ArrayView2<'_, f32>) -> WindowTags {
        let first_tokens: Vec<usize> = window.words.iter().map(|word| word.tokens.start).collect();
        let words = vectors.select(Axis(0), &first_tokens);
        WindowTags(
            self.heads
                .iter()
                .map(|head| head.tag(window, words.view()))
                .collect(),
        )
    }

    /// Joins the tags of a text's windows, in order, into its entities.
    pub fn entities<'w>(
        &self,
        text: &str,
        windows: impl Iterator<Item = (&'w Window, &'w WindowTags)> + Clone,
    ) -> Vec<Entity> {
        let mut entities = indicator::find(text);
        for (i, head) in self.heads.iter().enumerate().rev() {
            let words = windows.clone().flat_map(|(window, tags)| {
                let tags = tags.0.get(i).map_or(&[][..], Vec::as_slice);
                head.words(window, tags)
            });
            let mut found = decode(words);
            found
                .iter_mut()
                .for_each(|entity| widen_to_graphemes(text, entity));
            entities = merge::merge(entities, found);
        }
        entities
    }
}

impl WindowTags {
    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let heads = self.0.iter().map(|tags| size_of_val(tags.as_slice()));
        heads.sum::<usize>() + size_of_val(self.0.as_slice())
    }
}

impl Head {
    fn tag(&self, window: &Window, words: ArrayView2<'_, f32>) -> Vec<Scored> {
        let log_probs = log_softmax(self.linear.logits(words));
        let opens: Vec<bool> = window
            .words
            .iter()
            .map(|word| word.opens_sentence)
            .collect();
        let best = self.grammar.best(log_probs.view(), &opens);
        let scored = log_probs.rows().into_iter().zip(best);
        scored
            .skip(window.owned.start)
            .take(window.owned.len())
            .map(|(log_probs, best)| self.scored(best, log_probs))
            .collect()
    }

    /// Adds up the probabilities of the tags that share a label.
    fn scored(&self, best: usize, log_probs: ArrayView1<'_, f32>) -> Scored {
        let label = self.tags[best].label();
        let same = self
            .tags
            .iter()
            .zip(log_probs)
            .filter(|(other, _)| other.label() == label);
        let score = same.map(|(_, log_prob)| log_prob.exp()).sum::<f32>();
        Scored {
            tag: u16::try_from(best).expect("a head has few tags"),
            score: score.min(1.0),
        }
    }

    /// Puts tags to the words that the window owns.
    fn words(&self, window: &Window, tags: &[Scored]) -> impl Iterator<Item = WordTag> {
        let words = window.owned_words().iter().zip(tags);
        words.map(|(word, scored)| WordTag {
            range: word.range.clone(),
            opens_sentence: word.opens_sentence,
            tag: self.tags[usize::from(scored.tag)].clone(),
            score: scored.score,
        })
    }
}

/// Turns logits of shape `[words, tags]` into log probabilities.
fn log_softmax(mut logits: Array2<f32>) -> Array2<f32> {
    for mut row in logits.rows_mut() {
        let max = row.fold(f32::NEG_INFINITY, |max, &logit| max.max(logit));
        let sum = row.fold(0.0, |sum, &logit| sum + (logit - max).exp());
        row -= max + sum.ln();
    }
    logits
}

/// Takes in the combining marks that the tokenizer strips off, so that no character is cut.
fn widen_to_graphemes(text: &str, entity: &mut Entity) {
    let mut cursor = GraphemeCursor::new(entity.range.end, text.len(), true);
    if cursor.is_boundary(text, 0) == Ok(false)
        && let Ok(Some(end)) = cursor.next_boundary(text, 0)
    {
        entity.range.end = end;
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use copydesk_encoder::Word;
    use ndarray::{Array1, array};

    use super::*;
    use crate::Origin;

    #[test]
    fn log_probabilities_sum_to_one() {
        let probs = log_softmax(array![[1., 2., 3.], [500., 0., 0.]]).mapv(f32::exp);

        assert!(
            probs
                .sum_axis(Axis(1))
                .iter()
                .all(|sum| (sum - 1.0).abs() < 1e-6)
        );
    }

    /// A tagger whose vectors are the logits of the tags that are written.
    fn tagger(written: &[&str]) -> Tagger {
        let tags: Vec<Tag> = written.iter().map(|tag| Tag::parse(tag).unwrap()).collect();
        let size = tags.len();
        let head = Head {
            linear: Linear::new(&Array2::eye(size), Array1::zeros(size)),
            grammar: Grammar::new(&tags),
            tags,
        };
        Tagger { heads: vec![head] }
    }

    /// A window of the words that lie at these bytes.
    fn window(words: &[Range<usize>]) -> Window {
        let word = |(i, range): (usize, &Range<usize>)| Word {
            range: range.clone(),
            tokens: i..i + 1,
            opens_sentence: i == 0,
        };
        Window {
            ids: vec![0; words.len()],
            types: vec![0; words.len()],
            words: words.iter().enumerate().map(word).collect(),
            owned: 0..words.len(),
        }
    }

    #[test]
    fn tags_hold_wherever_the_window_stands() {
        let tagger = tagger(&["O", "B-LOC", "I-LOC"]);
        let text = "in São Paulo 👩‍🚀 in São Paulo";
        let second = text.rfind("in").unwrap();
        let words = |at: usize| window(&[at..at + 2, at + 3..at + 7, at + 8..at + 13]);
        let vectors = array![[9., 0., 0.], [0., 9., 0.], [0., 0., 9.]];

        let tags = tagger.tag(&words(0), vectors.view());
        let (first, again) = (words(0), words(second));
        let found = tagger.entities(text, [(&first, &tags), (&again, &tags)].into_iter());

        let found: Vec<_> = found.into_iter().map(|entity| entity.range).collect();
        assert_eq!(found, [3..13, second + 3..second + 13]);
    }

    #[test]
    fn combining_marks_stay_with_their_letter() {
        let text = "Zoe\u{308} 👩‍🚀 in Zürich";
        let mut entity = Entity {
            range: 0..3,
            label: "PERSON".into(),
            score: 1.0,
            origin: Origin::Model,
            id: String::new(),
        };

        widen_to_graphemes(text, &mut entity);

        assert_eq!(text.get(entity.range), Some("Zoe\u{308}"));
    }
}
