//! What a head says of each word, as far as it matters.

use ndarray::ArrayView2;

/// Less probable than this, an entity is not thought of.
const NEGLIGIBLE: f32 = 0.01;

/// The log probabilities of the tags of words in a row.
///
/// Of four words in five a head is sure that they belong to no entity. Nothing is kept of those.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Opinions {
    /// Of each word, the place of its first log probability.
    places: Vec<Option<u32>>,
    log_probs: Vec<f32>,
}

impl Opinions {
    /// Keeps what matters of `log_probs`, shape `[words, tags]`; `outside` is the tag `O`.
    pub(crate) fn new(log_probs: ArrayView2<'_, f32>, outside: usize) -> Self {
        let sure = |word: usize| log_probs[[word, outside]].exp() > 1.0 - NEGLIGIBLE;
        let mut opinions = Self::default();
        for (i, row) in log_probs.rows().into_iter().enumerate() {
            let place = (!sure(i)).then(|| opinions.push(row.iter().copied()));
            opinions.places.push(place);
        }
        opinions
    }

    /// Puts the opinions of further words behind these.
    pub(crate) fn extend(&mut self, later: &Self) {
        let behind = position(self.log_probs.len());
        let places = later.places.iter().map(|place| Some((*place)? + behind));
        self.places.extend(places);
        self.log_probs.extend_from_slice(&later.log_probs);
    }

    /// Number of words.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The log probabilities of the tags of a word; `None` where it surely belongs to no entity.
    pub(crate) fn of(&self, word: usize, tags: usize) -> Option<&[f32]> {
        let place = (*self.places.get(word)?)? as usize;
        self.log_probs.get(place..place + tags)
    }

    /// Changes the opinion of a word.
    pub(crate) fn set(&mut self, word: usize, log_probs: impl ExactSizeIterator<Item = f32>) {
        match self.places[word] {
            None => self.places[word] = Some(self.push(log_probs)),
            Some(place) => {
                let row = self.log_probs.iter_mut().skip(place as usize);
                row.zip(log_probs).for_each(|(old, new)| *old = new);
            }
        }
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.places.as_slice()) + size_of_val(self.log_probs.as_slice())
    }

    fn push(&mut self, log_probs: impl Iterator<Item = f32>) -> u32 {
        let place = position(self.log_probs.len());
        self.log_probs.extend(log_probs);
        place
    }
}

fn position(place: usize) -> u32 {
    u32::try_from(place).expect("an article has far fewer than 100 million words")
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const SURE: [f32; 2] = [-0.001, -7.0];
    const UNSURE: [f32; 2] = [-0.7, -0.7];

    fn opinions() -> Opinions {
        Opinions::new(array![SURE, UNSURE].view(), 0)
    }

    #[test]
    fn nothing_is_kept_of_a_word_that_is_surely_no_entity() {
        let opinions = opinions();

        assert_eq!(
            [opinions.of(0, 2), opinions.of(1, 2)],
            [None, Some(&UNSURE[..])]
        );
        assert_eq!(opinions.len(), 2);
    }

    #[test]
    fn further_words_keep_their_opinions() {
        let mut all = opinions();

        all.extend(&opinions());

        assert_eq!([all.of(2, 2), all.of(3, 2)], [None, Some(&UNSURE[..])]);
    }

    #[test]
    fn an_opinion_can_be_changed_and_be_made() {
        let mut opinions = opinions();

        opinions.set(0, [-1.0, -2.0].into_iter());
        opinions.set(1, [-3.0, -4.0].into_iter());

        assert_eq!(opinions.of(0, 2), Some(&[-1.0, -2.0][..]));
        assert_eq!(opinions.of(1, 2), Some(&[-3.0, -4.0][..]));
    }
}
