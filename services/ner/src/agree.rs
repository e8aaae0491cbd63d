//! Lets the mentions of a name in a text agree.
//!
//! A name is read in each sentence apart, and one sentence says less about it than another: after
//! "Minister Ama Mensah" also the "Mensah" of a later sentence is a person. So what the head says of a
//! mention is mixed with the mean of what it says of all mentions of that name in the text, and of
//! longer names that it stands for (`relatives.rs`), and the tags are chosen anew. Compare the label
//! consistency of Krishnan and Manning (2006), "An effective two-stage model for exploiting non-local
//! dependencies in named entity recognition".

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use ndarray::Array2;

use crate::opinion::Opinions;
use crate::relatives::Relatives;
use crate::tag::Tag;

/// How much the mean of all mentions counts beside what is said of the one.
const MEAN_SHARE: f32 = 0.8;
/// How much longer names count beside the mean of the name's own mentions.
const RELATIVE_SHARE: f32 = 0.7;
/// The longest name that is looked for again, in words.
const MAX_WORDS: usize = 12;
/// The shortest, in bytes: two letters stand for many things, even where they are spelt out.
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

/// A head's tags, of which `outside` is `O`.
#[derive(Clone, Copy)]
pub(crate) struct Tags<'h> {
    pub(crate) all: &'h [Tag],
    pub(crate) outside: usize,
}

/// The mentions of one name.
pub(crate) struct Mentions<'i> {
    /// The number of each word, the same for the same word.
    pub(crate) name: &'i [usize],
    /// Where each mention begins.
    pub(crate) at: Vec<usize>,
}

/// Changes the opinions of a head; `names` are the words of what was found.
pub(crate) fn agree(
    words: &Words<'_>,
    names: &[Range<usize>],
    opinions: &mut Opinions,
    tags: Tags<'_>,
) {
    let (ids, numbers) = intern(&words.text);
    let mentions = mentions(words, &ids, names);
    // What the head said, before any of it is changed.
    let means = mentions.iter().map(|own| own.mean(opinions, tags));
    let means: Vec<Array2<f32>> = means.collect();
    let relatives = Relatives::find(words, &numbers, &mentions, &means, tags);
    for (i, own) in mentions.iter().enumerate() {
        match relatives.mean(i, &mentions, &means, tags) {
            Some(theirs) => {
                let agreed = &means[i] * (1.0 - RELATIVE_SHARE) + theirs * RELATIVE_SHARE;
                mix(&own.at, &agreed, opinions, tags);
            }
            None if own.at.len() > 1 => mix(&own.at, &means[i], opinions, tags),
            None => {}
        }
    }
}

impl Mentions<'_> {
    /// The mean of what is said of all mentions, shape `[words, tags]`.
    fn mean(&self, opinions: &Opinions, tags: Tags<'_>) -> Array2<f32> {
        let mut mean = Array2::zeros((self.name.len(), tags.all.len()));
        for &at in &self.at {
            for (word, mut row) in (at..).zip(mean.rows_mut()) {
                let probs = probabilities(opinions, word, tags);
                row.iter_mut()
                    .zip(probs)
                    .for_each(|(mean, prob)| *mean += prob);
            }
        }
        mean / self.at.len() as f32
    }
}

/// Finds every place where one of the names stands, the longest names first, in the order in which
/// they are found; a word belongs to one mention at most.
fn mentions<'i>(words: &Words<'_>, ids: &'i [usize], names: &[Range<usize>]) -> Vec<Mentions<'i>> {
    let wanted: HashSet<&[usize]> = names
        .iter()
        .filter(|name| is_wanted(words, name))
        .filter_map(|name| ids.get(name.clone()))
        .collect();
    let mut lengths: Vec<usize> = wanted.iter().map(|name| name.len()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut taken = vec![false; ids.len()];
    let mut found: Vec<Mentions<'i>> = Vec::new();
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
                    name,
                    at: Vec::new(),
                });
                found.len() - 1
            });
            found[place].at.push(at);
        }
    }
    found
}

/// A number for each word, the same for the same word, and which number a word has.
fn intern<'t>(words: &[&'t str]) -> (Vec<usize>, HashMap<&'t str, usize>) {
    let mut known: HashMap<&'t str, usize> = HashMap::new();
    let mut number = |word| {
        let next = known.len();
        *known.entry(word).or_insert(next)
    };
    let ids = words.iter().map(|word| number(*word)).collect();
    (ids, known)
}

/// Whether a name is written as one, and is long enough to stand for one thing.
fn is_wanted(words: &Words<'_>, name: &Range<usize>) -> bool {
    let text = words.text.get(name.clone()).unwrap_or_default();
    let capital = text.first().and_then(|word| word.chars().next());
    capital.is_some_and(char::is_uppercase)
        && text.len() <= MAX_WORDS
        && text.iter().map(|word| word.len()).sum::<usize>() >= MIN_BYTES
}

/// Mixes the probabilities of the words of each mention with what is agreed on.
fn mix(at: &[usize], agreed: &Array2<f32>, opinions: &mut Opinions, tags: Tags<'_>) {
    for &at in at {
        for (word, agreed) in (at..).zip(agreed.rows()) {
            let own = probabilities(opinions, word, tags).into_iter();
            let mixed = own.zip(agreed);
            let mixed = mixed.map(|(own, agreed)| (own + MEAN_SHARE * (agreed - own)).ln());
            opinions.set(word, mixed);
        }
    }
}

/// The probabilities of a word's tags.
fn probabilities(opinions: &Opinions, word: usize, tags: Tags<'_>) -> Vec<f32> {
    match opinions.of(word, tags.all.len()) {
        Some(log_probs) => log_probs.iter().map(|log_prob| log_prob.exp()).collect(),
        None => (0..tags.all.len())
            .map(|tag| {
                if tag == tags.outside {
                    1.0
                } else {
                    NEVER.exp()
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

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
        let words = words(text);
        let (ids, _) = intern(&words.text);
        let found = mentions(&words, &ids, names);
        found
            .into_iter()
            .map(|found| (found.name.len(), found.at))
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
        assert_eq!(
            places("Addis Ababa . Addis . Ababa", from_ref(&(0..2))),
            [(2, vec![0])]
        );
    }

    #[test]
    fn initials_and_common_words_are_left_alone() {
        assert_eq!(places("J . J . east . east", &[0..1, 4..5]), []);
    }

    /// What a head of the tags `O`, `B-` and `I-PERSON`, `B-` and `I-ORG` says where these are the
    /// probabilities of the words, and the best of its tags once names agree.
    fn best(text: &str, names: &[Range<usize>], probs: &[[f32; 5]]) -> Vec<&'static str> {
        const WRITTEN: [&str; 5] = ["O", "B-PERSON", "I-PERSON", "B-ORG", "I-ORG"];
        let all: Vec<Tag> = WRITTEN.iter().filter_map(|tag| Tag::parse(tag)).collect();
        let rows = Array2::from_shape_fn((probs.len(), 5), |(row, tag)| probs[row][tag].ln());
        let mut opinions = Opinions::new(rows.view(), 0);
        let tags = Tags {
            all: &all,
            outside: 0,
        };

        agree(&words(text), names, &mut opinions, tags);

        let best = |row: &[f32]| (0..5).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        let words = 0..probs.len();
        words
            .map(|word| WRITTEN[opinions.of(word, 5).and_then(best).unwrap_or_default()])
            .collect()
    }

    const PERSON: [f32; 5] = [0.01, 0.97, 0.01, 0.01, 0.0];
    const LATER: [f32; 5] = [0.01, 0.01, 0.97, 0.0, 0.01];
    const ORG: [f32; 5] = [0.01, 0.01, 0.0, 0.97, 0.01];
    const LATER_ORG: [f32; 5] = [0.01, 0.0, 0.01, 0.01, 0.97];
    const PERHAPS_ORG: [f32; 5] = [0.2, 0.3, 0.0, 0.5, 0.0];
    const HARDLY: [f32; 5] = [0.6, 0.3, 0.0, 0.1, 0.0];
    const NOTHING: [f32; 5] = [1.0, 0.0, 0.0, 0.0, 0.0];

    #[test]
    fn an_unsure_mention_follows_a_sure_one() {
        let probs = [PERSON, NOTHING, PERHAPS_ORG, NOTHING, HARDLY];

        let best = best("Volta . Volta flows Volta", from_ref(&(0..1)), &probs);

        assert_eq!(best, ["B-PERSON", "O", "B-PERSON", "O", "B-PERSON"]);
    }

    #[test]
    fn a_single_mention_stays_as_it_is() {
        let best = best(
            "Volta . Zürich",
            &[0..1, 2..3],
            &[PERSON, NOTHING, PERHAPS_ORG],
        );

        assert_eq!(best, ["B-PERSON", "O", "B-ORG"]);
    }

    #[test]
    fn the_last_name_of_a_person_follows_the_whole_name() {
        let probs = [PERSON, LATER, NOTHING, PERHAPS_ORG, NOTHING, PERHAPS_ORG];

        let best = best("Ama Mensah . Mensah . Ama", &[0..2, 3..4, 5..6], &probs);

        assert_eq!(
            best,
            ["B-PERSON", "I-PERSON", "O", "B-PERSON", "O", "B-ORG"]
        );
    }

    #[test]
    fn the_last_word_of_an_organisation_says_nothing() {
        let probs = [ORG, LATER_ORG, NOTHING, PERSON];

        let best = best("Volta Zürich . Zürich", &[0..2, 3..4], &probs);

        assert_eq!(best, ["B-ORG", "I-ORG", "O", "B-PERSON"]);
    }

    #[test]
    fn the_last_words_of_what_is_too_long_for_a_person_say_nothing() {
        let probs = [PERSON, LATER, LATER, LATER, LATER, NOTHING, PERHAPS_ORG];

        let best = best("Ama of the Volta Mensah . Mensah", &[0..5, 6..7], &probs);

        assert_eq!(best[6], "B-ORG");
    }

    #[test]
    fn initials_follow_what_they_abbreviate() {
        let probs = [
            ORG,
            LATER_ORG,
            LATER_ORG,
            LATER_ORG,
            NOTHING,
            [0.3, 0.5, 0.0, 0.2, 0.0],
        ];

        let best = best("Bund of Zürich Übersee . BZÜ", &[0..4, 5..6], &probs);

        assert_eq!(best, ["B-ORG", "I-ORG", "I-ORG", "I-ORG", "O", "B-ORG"]);
    }
}
