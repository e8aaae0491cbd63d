//! The model's tag heads.

use std::collections::HashMap;

use copydesk_encoder::{Error, Linear, ModelFolder, Window, Word};
use ndarray::{Array2, ArrayView2, Axis};
use unicode_segmentation::GraphemeCursor;

use crate::agree::{Tags, Words, agree};
use crate::decode::{Decoder, Span};
use crate::opinion::Opinions;
use crate::tag::Tag;
use crate::{Entity, Origin, indicator, merge};

/// Ends of names that are abbreviations: the full stop after one belongs to it.
const ABBREVIATIONS: [&str; 7] = ["Inc", "Corp", "Co", "Ltd", "Bros", "Jr", "Sr"];

/// Finds the entities of a text, given the token vectors of its windows.
pub struct Tagger {
    heads: Vec<Head>,
}

/// What the heads say of the words that a window owns, by head. It holds wherever the window stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowTags(Vec<Opinions>);

struct Head {
    linear: Linear,
    tags: Vec<Tag>,
    decoder: Decoder,
}

impl Tagger {
    /// Loads the tag heads of a model, the most general first.
    pub fn load(folder: &ModelFolder) -> Result<Self, Error> {
        let heads = folder.tag_heads().iter().map(|head| {
            let tags: Option<Vec<Tag>> = head.tags.iter().map(|tag| Tag::parse(tag)).collect();
            let tags = tags.ok_or(Error::Unsupported("heads.json holds a tag that is not BIO"))?;
            let linear = folder.linear(&head.name, tags.len())?;
            Head::new(linear, tags, &head.thresholds)
        });
        Ok(Self {
            heads: heads.collect::<Result<_, Error>>()?,
        })
    }

    /// Tags the words that a window owns. `vectors` has shape `[tokens, hidden]`.
    pub fn tag(&self, window: &Window, vectors: ArrayView2<'_, f32>) -> WindowTags {
        let words = window.owned_words().iter();
        let first_tokens: Vec<usize> = words.map(|word| word.tokens.start).collect();
        let words = vectors.select(Axis(0), &first_tokens);
        WindowTags(
            self.heads
                .iter()
                .map(|head| head.tag(words.view()))
                .collect(),
        )
    }

    /// Joins the tags of a text's windows, in order, into its entities.
    pub fn entities<'w>(
        &self,
        text: &str,
        windows: impl Iterator<Item = (&'w Window, &'w WindowTags)> + Clone,
    ) -> Vec<Entity> {
        let owned = windows.clone().flat_map(|(window, _)| window.owned_words());
        let owned: Vec<&Word> = owned.collect();
        let words = Words {
            text: owned
                .iter()
                .map(|word| text.get(word.range.clone()).unwrap_or_default())
                .collect(),
            opens: owned.iter().map(|word| word.opens_sentence).collect(),
        };
        let mut entities = indicator::find(text);
        for (i, head) in self.heads.iter().enumerate().rev() {
            let mut opinions = Opinions::default();
            for (_, tags) in windows.clone() {
                tags.0
                    .get(i)
                    .into_iter()
                    .for_each(|later| opinions.extend(later));
            }
            let mut found = head.entities(&owned, &words, opinions);
            for entity in &mut found {
                widen_to_graphemes(text, entity);
            }
            take_in_full_stops(text, &mut found);
            entities = merge::merge(entities, found);
        }
        entities
    }
}

impl WindowTags {
    /// Bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        let heads = self.0.iter().map(Opinions::bytes);
        heads.sum::<usize>() + size_of_val(self.0.as_slice())
    }
}

impl Head {
    fn new(
        linear: Linear,
        tags: Vec<Tag>,
        thresholds: &HashMap<String, f32>,
    ) -> Result<Self, Error> {
        let decoder = Decoder::new(&tags, thresholds).ok_or(Error::Unsupported(
            "heads.json has a tag head without O, or a label without B-, I- or threshold",
        ))?;
        Ok(Self {
            linear,
            tags,
            decoder,
        })
    }

    /// What it says of words, given their vectors.
    fn tag(&self, words: ArrayView2<'_, f32>) -> Opinions {
        let log_probs = log_softmax(self.linear.logits(words));
        Opinions::new(log_probs.view(), self.decoder.outside())
    }

    /// The entities of a text, once the mentions of each name agree.
    fn entities(&self, owned: &[&Word], words: &Words<'_>, mut opinions: Opinions) -> Vec<Entity> {
        let spans = |opinions: &_, share| self.decoder.spans(opinions, &words.opens, share);
        // What is too unsure to be stated may agree with what is sure.
        let names = spans(&opinions, 0.5).into_iter();
        let names: Vec<_> = names.map(|span| span.words).collect();
        let tags = Tags {
            all: &self.tags,
            outside: self.decoder.outside(),
        };
        agree(words, &names, &mut opinions, tags);
        let spans = spans(&opinions, 1.0).into_iter();
        spans
            .map(|span| self.entity(span, owned, &opinions))
            .collect()
    }

    /// Its score is the mean over its words of how probable it is that the word has its label,
    /// whether first or later in the entity.
    fn entity(&self, span: Span, owned: &[&Word], opinions: &Opinions) -> Entity {
        let words = &owned[span.words.clone()];
        let scores = span
            .words
            .clone()
            .map(|word| self.score(&span, word, opinions));
        Entity {
            range: words[0].range.start..words[words.len() - 1].range.end,
            score: scores.sum::<f32>() / words.len() as f32,
            label: span.label,
            origin: Origin::Model,
            id: String::new(),
        }
    }

    /// Adds up the probabilities of a word's tags that have the span's label.
    fn score(&self, span: &Span, word: usize, opinions: &Opinions) -> f32 {
        let log_probs = opinions.of(word, self.tags.len()).unwrap_or_default();
        let tags = self.tags.iter().zip(log_probs);
        let same = tags.filter(|(tag, _)| tag.label() == Some(&span.label));
        same.map(|(_, log_prob)| log_prob.exp())
            .sum::<f32>()
            .min(1.0)
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

/// Takes in the full stops of abbreviations that end a name (`Enron Corp.`), but for those that the
/// next entity begins with.
fn take_in_full_stops(text: &str, entities: &mut [Entity]) {
    let starts: Vec<usize> = entities.iter().map(|entity| entity.range.start).collect();
    for (i, entity) in entities.iter_mut().enumerate() {
        if starts.get(i + 1) != Some(&entity.range.end) && has_full_stop(text, entity) {
            entity.range.end += 1;
        }
    }
}

/// Whether a name ends in an abbreviation whose full stop is behind it.
fn has_full_stop(text: &str, entity: &Entity) -> bool {
    let (Some(name), Some(rest)) = (text.get(entity.range.clone()), text.get(entity.range.end..))
    else {
        return false;
    };
    let last = name.split_whitespace().next_back().unwrap_or_default();
    let is_short = ABBREVIATIONS
        .iter()
        .any(|short| short.eq_ignore_ascii_case(last));
    let is_stop = rest.starts_with('.') && !rest.starts_with("..");
    is_short && is_stop && last.len() < name.len()
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use ndarray::{Array1, array};

    use super::*;

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
        let linear = Linear::new(&Array2::eye(size), Array1::zeros(size));
        let thresholds = HashMap::from([("LOC".to_owned(), 0.4)]);
        Tagger {
            heads: vec![Head::new(linear, tags, &thresholds).unwrap()],
        }
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

    fn entity(range: Range<usize>) -> Entity {
        Entity {
            range,
            label: "ORG".into(),
            score: 1.0,
            origin: Origin::Model,
            id: String::new(),
        }
    }

    #[test]
    fn abbreviation_keeps_its_full_stop() {
        for (text, end, wanted) in [
            ("Enron Corp. fell", 10, 11),
            ("Zürich Ltd.", 11, 12),
            ("SUNRISE GASES PVT LTD., of", 21, 22),
            ("Enron Corp... fell", 10, 10),
            ("Enron fell.", 5, 5),
            ("Inc. magazine", 3, 3),
            ("Marco. Polo", 5, 5),
        ] {
            let mut found = [entity(0..end)];

            take_in_full_stops(text, &mut found);

            assert_eq!(found[0].range.end, wanted, "{text}");
        }
    }

    #[test]
    fn full_stop_of_the_next_entity_is_left_to_it() {
        let mut found = [entity(0..9), entity(9..13)];

        take_in_full_stops("Acme Corp.NET", &mut found);

        assert_eq!(found[0].range, 0..9);
    }

    #[test]
    fn combining_marks_stay_with_their_letter() {
        let text = "Zoe\u{308} 👩‍🚀 in Zürich";
        let mut entity = entity(0..3);

        widen_to_graphemes(text, &mut entity);

        assert_eq!(text.get(entity.range), Some("Zoe\u{308}"));
    }
}
