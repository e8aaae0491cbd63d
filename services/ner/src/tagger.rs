//! The model's tag heads.

use copydesk_encoder::{Error, Linear, ModelFolder, Window};
use ndarray::{Array2, ArrayView2, Axis};
use unicode_segmentation::GraphemeCursor;

use crate::decode::{Grammar, WordTag, decode};
use crate::tag::Tag;
use crate::{Entity, indicator, merge};

/// Finds the entities of a text, given the token vectors of its windows.
pub struct Tagger {
    heads: Vec<Head>,
}

/// The tags of the words that a window owns, by head.
#[derive(Clone, Debug, Default)]
pub struct WindowTags(Vec<Vec<WordTag>>);

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
    pub fn entities(&self, text: &str, tags: &[WindowTags]) -> Vec<Entity> {
        let mut entities = indicator::find(text);
        for head in (0..self.heads.len()).rev() {
            let words = tags
                .iter()
                .filter_map(|window| window.0.get(head))
                .flatten();
            let mut found = decode(words);
            found
                .iter_mut()
                .for_each(|entity| widen_to_graphemes(text, entity));
            entities = merge::merge(entities, found);
        }
        entities
    }
}

impl Head {
    fn tag(&self, window: &Window, words: ArrayView2<'_, f32>) -> Vec<WordTag> {
        let log_probs = log_softmax(self.linear.logits(words));
        let opens: Vec<bool> = window
            .words
            .iter()
            .map(|word| word.opens_sentence)
            .collect();
        let best = self.grammar.best(log_probs.view(), &opens);
        let tagged =
            window
                .words
                .iter()
                .zip(log_probs.rows())
                .zip(best)
                .map(|((word, row), best)| {
                    let tag = self.tags[best].clone();
                    let same = self
                        .tags
                        .iter()
                        .zip(row)
                        .filter(|(other, _)| other.label() == tag.label());
                    let score = same
                        .map(|(_, log_prob)| log_prob.exp())
                        .sum::<f32>()
                        .min(1.0);
                    WordTag {
                        range: word.range.clone(),
                        opens_sentence: word.opens_sentence,
                        tag,
                        score,
                    }
                });
        tagged
            .skip(window.owned.start)
            .take(window.owned.len())
            .collect()
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
    use ndarray::array;

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
