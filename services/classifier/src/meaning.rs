//! Categories known by their description alone.

use copydesk_encoder::{Error, Linear, ModelFolder};
use ndarray::Array1;

/// Turns mean token vectors into vectors of meaning, and compares them.
///
/// The head was trained to give the principal components of a sentence encoder's vectors, of which
/// an article and the description of what it is about have near ones. How near is counted in
/// standard deviations over ordinary news: without the mean, all news is near.
#[derive(Debug)]
pub struct Meaning {
    linear: Linear,
    /// Variance of each component over ordinary news, shape `[components]`.
    spread: Array1<f32>,
    scale: f32,
    shift: f32,
}

/// What an article must be near to. Shape `[components]`.
#[derive(Clone, Debug)]
pub(crate) struct Description(Array1<f32>);

impl Meaning {
    /// Loads the head of a model; `None` where the model has none.
    pub fn load(folder: &ModelFolder) -> Result<Option<Self>, Error> {
        let Some(head) = folder.meaning_head() else {
            return Ok(None);
        };
        let spread = folder.vector(&format!("{}.spread", head.name))?;
        Ok(Some(Self {
            linear: folder.linear(&head.name, spread.len())?,
            spread,
            scale: head.scale,
            shift: head.shift,
        }))
    }

    /// A description, from the mean of its token vectors, shape `[hidden]`.
    pub(crate) fn describe(&self, mean: &Array1<f32>) -> Description {
        let direction = self.of(mean);
        let deviation = (&direction * &direction).dot(&self.spread).sqrt();
        Description(direction / deviation.max(f32::MIN_POSITIVE))
    }

    /// Probability from 0 to 1 that an article, given as its vector of meaning, is described.
    pub(crate) fn score(&self, meaning: &Array1<f32>, description: &Description) -> f32 {
        let nearness = meaning.dot(&description.0);
        1.0 / (1.0 + (-(self.scale * nearness + self.shift)).exp())
    }

    /// The vector of meaning, of unit length, of a mean token vector.
    pub(crate) fn of(&self, mean: &Array1<f32>) -> Array1<f32> {
        let vector = self.linear.logits_of(mean);
        let length = vector.dot(&vector).sqrt();
        vector / length.max(f32::MIN_POSITIVE)
    }

    #[cfg(test)]
    pub(crate) fn new(linear: Linear, spread: Array1<f32>, scale: f32, shift: f32) -> Self {
        Self {
            linear,
            spread,
            scale,
            shift,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn nearness_counts_in_deviations_of_the_news() {
        let linear = Linear::new(&array![[1., 0.], [0., 1.]], array![0., 0.]);
        let meaning = Meaning::new(linear, array![0.25, 0.01], 1.0, 0.0);
        let article = meaning.of(&array![3., 4.]);

        let common = meaning.score(&article, &meaning.describe(&array![2., 0.]));
        let rare = meaning.score(&article, &meaning.describe(&array![0., 2.]));

        // 0.6 of a deviation of 0.5, and 0.8 of one of 0.1.
        assert!((common - 1.0 / (1.0 + (-1.2f32).exp())).abs() < 1e-5);
        assert!((rare - 1.0 / (1.0 + (-8f32).exp())).abs() < 1e-5);
    }
}
