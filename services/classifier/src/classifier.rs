//! The head that gives an article its categories.

use copydesk_encoder::{CategoryLabel, Error, Linear, ModelFolder};
use ndarray::Array1;

use crate::meaning::{Description, Meaning};

/// A category that an article has.
#[derive(Clone, Copy, Debug)]
pub struct Category<'c> {
    /// Its code, name and path in the taxonomy.
    pub label: &'c CategoryLabel,
    /// How probable it is, from 0 to 1.
    pub score: f32,
}

/// Gives articles their categories.
pub struct Classifier {
    linear: Linear,
    labels: Vec<CategoryLabel>,
    taxonomy: String,
    meaning: Option<Meaning>,
    described: Vec<(CategoryLabel, Description)>,
}

impl Classifier {
    /// Loads the category head of a model.
    pub fn load(folder: &ModelFolder) -> Result<Self, Error> {
        let head = folder.topic_head();
        Ok(Self {
            linear: folder.linear(&head.name, head.categories.len())?,
            labels: head.categories.clone(),
            taxonomy: head.taxonomy.clone(),
            meaning: Meaning::load(folder)?,
            described: Vec::new(),
        })
    }

    /// Adds a category that is known by its description, given as the mean of the description's
    /// token vectors, shape `[hidden]`.
    pub fn describe(&mut self, label: CategoryLabel, mean: &Array1<f32>) -> Result<(), Error> {
        let Some(meaning) = &self.meaning else {
            return Err(Error::Unsupported(
                "this model cannot find topics by their description: leave classify.topics empty, \
                 or use a model with a `meaning` head",
            ));
        };
        self.described.push((label, meaning.describe(mean)));
        Ok(())
    }

    /// Name and release of the taxonomy.
    pub fn taxonomy(&self) -> &str {
        &self.taxonomy
    }

    /// Gives the categories whose score reaches their threshold, best first; `mean` has shape
    /// `[hidden]`.
    pub fn categories(&self, mean: &Array1<f32>) -> Vec<Category<'_>> {
        let scores = self.linear.logits_of(mean).mapv_into(sigmoid);
        let learned = self.labels.iter().zip(scores);
        let mut above: Vec<_> = learned
            .chain(self.described_scores(mean))
            .map(|(label, score)| Category { label, score })
            .filter(|found| found.score >= found.label.threshold)
            .collect();
        above.sort_by(|a, b| b.score.total_cmp(&a.score));
        above
    }

    fn described_scores(&self, mean: &Array1<f32>) -> impl Iterator<Item = (&CategoryLabel, f32)> {
        let known = self.meaning.as_ref().filter(|_| !self.described.is_empty());
        let article = known.map(|meaning| (meaning, meaning.of(mean)));
        article.into_iter().flat_map(move |(meaning, article)| {
            let described = self.described.iter();
            described.map(move |(label, description)| (label, meaning.score(&article, description)))
        })
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn categories_above_their_threshold_come_best_first() {
        let label = |code: &str, threshold| CategoryLabel {
            code: code.into(),
            name: String::new(),
            path: vec![code.into()],
            threshold,
        };
        let classifier = Classifier {
            linear: Linear::new(&array![[1., 0.], [0., 1.], [1., 1.]], array![0., 0., -2.]),
            labels: vec![label("a", 0.5), label("b", 0.5), label("c", 0.9)],
            taxonomy: String::new(),
            meaning: None,
            described: Vec::new(),
        };

        let found = classifier.categories(&array![1., 2.]);

        let codes: Vec<_> = found
            .iter()
            .map(|category| category.label.code.as_str())
            .collect();
        assert_eq!(codes, ["b", "a"]);
        assert!((found[0].score - 0.880_797).abs() < 1e-6);
    }
}
