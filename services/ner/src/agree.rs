//! Lets the mentions of a name in a text agree.
//!
//! A name is read in each sentence apart, and one sentence says less about it than another: after
//! "Minister Ama Mensah" also the "Mensah" of a headline is a person. So what the head says of a
//! mention is mixed with the mean of what it says of all mentions of that name in the text, and the
//! tags are chosen anew. Compare the label consistency of Krishnan and Manning (2006), "An effective
//! two-stage model for exploiting non-local dependencies in named entity recognition".

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::opinion::Opinions;

/// How much the mean of all mentions counts beside what is said of the one.
const MEAN_SHARE: f32 = 0.5;
/// The longest name that is looked for again, in words.
const MAX_WORDS: usize = 12;
/// The shortest, in bytes: initials and numerals stand for many things.
const MIN_BYTES: usize = 3;
/// Log probability of a tag that a sure head did not think of.
const NEVER: f32 = -9.0;

/// The words of a text, as one compares names.
pub(crate) struct Words<'t> {
    /// Text of each word.
    pub(crate) text: Vec<&'t str>,
    /// Whether a sentence begins with it.
    pub(crate) opens: Vec<bool>,
}

/// Changes the opinions of `tags` tags of which `outside` is `O`; `names` are the words of what was
/// found. Returns whether there was anything to change.
pub(crate) fn agree(
    words: &Words<'_>,
    names: &[Range<usize>],
    opinions: &mut Opinions,
    (tags, outside): (usize, usize),
) -> bool {
    let mentions = mentions(words, names);
    for starts in &mentions {
        for offset in 0..starts.words {
            mix(
                starts.at.iter().map(|at| at + offset),
                opinions,
                (tags, outside),
            );
        }
    }
    !mentions.is_empty()
}

/// The mentions of one name.
struct Mentions {
    /// Words of the name.
    words: usize,
    /// Where each mention begins.
    at: Vec<usize>,
}

/// Finds every place where one of the names stands, the longest names first, in the order in which
/// they are found; a word belongs to one mention at most. A name that stands once is left out.
fn mentions(words: &Words<'_>, names: &[Range<usize>]) -> Vec<Mentions> {
    let ids = intern(&words.text);
    let wanted: HashSet<&[usize]> = names
        .iter()
        .filter(|name| is_wanted(words, name))
        .filter_map(|name| ids.get(name.clone()))
        .collect();
    let mut lengths: Vec<usize> = wanted.iter().map(|name| name.len()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut taken = vec![false; ids.len()];
    let mut found: Vec<Mentions> = Vec::new();
    for length in lengths.into_iter().rev() {
        let mut known: HashMap<&[usize], usize> = HashMap::new();
        for (at, name) in ids.windows(length).enumerate() {
            let inside = at..at + length;
            if !wanted.contains(name)
                || words.opens[inside.clone()]
                    .iter()
                    .skip(1)
                    .any(|opens| *opens)
                || taken[inside.clone()].iter().any(|taken| *taken)
            {
                continue;
            }
            taken[inside].fill(true);
            let place = *known.entry(name).or_insert_with(|| {
                found.push(Mentions {
                    words: length,
                    at: Vec::new(),
                });
                found.len() - 1
            });
            found[place].at.push(at);
        }
    }
    found.retain(|mentions| mentions.at.len() > 1);
    found
}

/// A number for each word, the same for the same word.
fn intern<'t>(words: &[&'t str]) -> Vec<usize> {
    let mut known: HashMap<&'t str, usize> = HashMap::new();
    let mut number = |word| {
        let next = known.len();
        *known.entry(word).or_insert(next)
    };
    words.iter().map(|word| number(*word)).collect()
}

/// Whether a name is written as one, and is long enough to stand for one thing.
fn is_wanted(words: &Words<'_>, name: &Range<usize>) -> bool {
    let text = words.text.get(name.clone()).unwrap_or_default();
    let capital = text.first().and_then(|word| word.chars().next());
    capital.is_some_and(char::is_uppercase)
        && text.len() <= MAX_WORDS
        && text.iter().map(|word| word.len()).sum::<usize>() >= MIN_BYTES
}

/// Mixes the probabilities of one word of a name, which stands at several places, with their mean.
fn mix(
    at: impl ExactSizeIterator<Item = usize> + Clone,
    opinions: &mut Opinions,
    (tags, outside): (usize, usize),
) {
    let count = at.len() as f32;
    let mut mean = vec![0.0; tags];
    for word in at.clone() {
        let probs = probabilities(opinions, word, (tags, outside));
        mean.iter_mut()
            .zip(probs)
            .for_each(|(mean, prob)| *mean += prob / count);
    }
    for word in at {
        let own = probabilities(opinions, word, (tags, outside));
        let mixed = own.into_iter().zip(&mean);
        let mixed = mixed.map(|(own, mean)| (own + MEAN_SHARE * (mean - own)).ln());
        opinions.set(word, mixed);
    }
}

/// The probabilities of a word's tags.
fn probabilities(opinions: &Opinions, word: usize, (tags, outside): (usize, usize)) -> Vec<f32> {
    match opinions.of(word, tags) {
        Some(log_probs) => log_probs.iter().map(|log_prob| log_prob.exp()).collect(),
        None => (0..tags)
            .map(|tag| if tag == outside { 1.0 } else { NEVER.exp() })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use ndarray::Array2;

    use super::*;

    /// Words of sentences that end with a full stop.
    fn words(text: &str) -> Words<'_> {
        let text: Vec<&str> = text.split(' ').collect();
        let opens = (0..text.len())
            .map(|i| i == 0 || text[i - 1] == ".")
            .collect();
        Words { text, opens }
    }

    fn places(text: &str, names: &[Range<usize>]) -> Vec<(usize, Vec<usize>)> {
        let found = mentions(&words(text), names);
        found
            .into_iter()
            .map(|found| (found.words, found.at))
            .collect()
    }

    #[test]
    fn every_mention_of_a_name_is_found() {
        assert_eq!(
            places("Zoë in Zürich . Zoë left", from_ref(&(0..1))),
            [(1, vec![0, 4])]
        );
    }

    #[test]
    fn a_word_belongs_to_the_longest_name() {
        let text = "Bank of Ghana . Ghana . Bank of Ghana . Ghana";

        assert_eq!(
            places(text, &[0..3, 4..5]),
            [(3, vec![0, 6]), (1, vec![4, 10])]
        );
    }

    #[test]
    fn no_mention_crosses_into_the_next_sentence() {
        assert_eq!(places("Addis Ababa . Addis . Ababa", from_ref(&(0..2))), []);
    }

    #[test]
    fn initials_and_common_words_are_left_alone() {
        assert_eq!(places("J . J . east . east", &[0..1, 4..5]), []);
    }

    #[test]
    fn an_unsure_mention_follows_a_sure_one() {
        let probs = [
            [0.02, 0.97, 0.01],
            [0.4, 0.25, 0.35],
            [1.0, 0.0, 0.0],
            [0.999, 0.0, 0.001],
        ];
        let log_probs = Array2::from_shape_fn((4, 3), |(row, tag)| f32::ln(probs[row][tag]));
        let mut opinions = Opinions::new(log_probs.view(), 0);
        let words = words("Volta . Volta .");
        let words = Words {
            text: vec!["Volta", "Volta", "flows", "Volta"],
            ..words
        };

        let changed = agree(&words, from_ref(&(0..1)), &mut opinions, (3, 0));

        let best = |word| opinions.of(word, 3).map(|row: &[f32]| row[1] > row[2]);
        assert!(changed);
        assert_eq!([best(0), best(1), best(3)], [Some(true); 3]);
        assert_eq!(opinions.of(2, 3), None, "no mention");
    }
}
