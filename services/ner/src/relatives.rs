//! The longer names in a text that a name stands for.
//!
//! The last words of a person's name stand for the person ("Ama Mensah", then "Mensah"), and initials
//! for what they abbreviate ("World Health Organization", "WHO").

use std::collections::HashMap;

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use crate::agree::{Mentions, Tags, Words};
use crate::tag::Tag;

/// The longest name, in words, whose last words stand for it.
const PERSON_WORDS: usize = 4;
/// The label of those whose last names stand for them.
const PERSON: &str = "PERSON";

/// How a longer name is written shorter.
#[derive(Clone, Copy)]
enum Short {
    LastWords,
    Initials,
}

/// By the place of a name, those of the longer names that it stands for.
pub(crate) struct Relatives(HashMap<usize, Vec<(usize, Short)>>);

impl Relatives {
    /// Looks among the names that were found; `numbers` are those of their words, `means` what is said
    /// of each name.
    pub(crate) fn find(
        words: &Words<'_>,
        numbers: &HashMap<&str, usize>,
        mentions: &[Mentions<'_>],
        means: &[Array2<f32>],
        tags: Tags<'_>,
    ) -> Self {
        let names = mentions.iter().enumerate();
        let places: HashMap<&[usize], usize> = names.map(|(i, own)| (own.name, i)).collect();
        let mut found: HashMap<usize, Vec<(usize, Short)>> = HashMap::new();
        let mut add = |short: &[usize], longer, how| {
            if let Some(&place) = places.get(short) {
                found.entry(place).or_default().push((longer, how));
            }
        };
        for (i, longer) in mentions.iter().enumerate() {
            let name = longer.name;
            if (2..=PERSON_WORDS).contains(&name.len()) && is_person(&means[i], tags) {
                (1..name.len()).for_each(|first| add(&name[first..], i, Short::LastWords));
            }
            let initials = initials(words, longer);
            if let Some(&number) = initials.and_then(|initials| numbers.get(&*initials)) {
                add(&[number], i, Short::Initials);
            }
        }
        Self(found)
    }

    /// The mean of what is said of all mentions of the longer names, as if they were written so short:
    /// shape `[words, tags]`; `None` where there are no such names.
    pub(crate) fn mean(
        &self,
        name: usize,
        mentions: &[Mentions<'_>],
        means: &[Array2<f32>],
        tags: Tags<'_>,
    ) -> Option<Array2<f32>> {
        let longer = self.0.get(&name)?;
        let size = mentions[name].name.len();
        let mut sum = Array2::zeros((size, tags.all.len()));
        let mut count = 0.0;
        for &(longer, how) in longer {
            let said = &means[longer];
            let said = match how {
                Short::LastWords => {
                    let last = Slice::from(said.nrows() - size..);
                    said.slice_axis(Axis(0), last).to_owned()
                }
                Short::Initials => mean_row(said.view()).insert_axis(Axis(0)),
            };
            let weight = mentions[longer].at.len() as f32;
            sum = sum + opened(said, tags.all) * weight;
            count += weight;
        }
        Some(sum / count)
    }
}

/// Whether a name of which this is said is more probably a person's than not.
fn is_person(said: &Array2<f32>, tags: Tags<'_>) -> bool {
    let person = tags
        .all
        .iter()
        .map(|tag| tag.label().is_some_and(|label| **label == *PERSON));
    let said = mean_row(said.view());
    let share = person.zip(&said).filter(|(is_person, _)| *is_person);
    share.map(|(_, share)| share).sum::<f32>() > 0.5
}

/// The capitals that the words of a name begin with, if there are several.
fn initials(words: &Words<'_>, name: &Mentions<'_>) -> Option<String> {
    let at = *name.at.first()?;
    let written = words.text.get(at..at + name.name.len())?;
    let first = written.iter().filter_map(|word| word.chars().next());
    let initials: String = first.filter(|letter| letter.is_uppercase()).collect();
    (initials.chars().nth(1).is_some()).then_some(initials)
}

fn mean_row(rows: ArrayView2<'_, f32>) -> Array1<f32> {
    rows.sum_axis(Axis(0)) / rows.nrows() as f32
}

/// The probabilities of words the first of which begins a name.
fn opened(mut rows: Array2<f32>, tags: &[Tag]) -> Array2<f32> {
    for (column, tag) in tags.iter().enumerate() {
        let Tag::Inside(label) = tag else { continue };
        let begin = Tag::Begin(label.clone());
        if let Some(begin) = tags.iter().position(|tag| *tag == begin) {
            rows[[0, begin]] += std::mem::take(&mut rows[[0, column]]);
        }
    }
    rows
}
