//! A linear head.

use ndarray::{Array1, Array2, ArrayBase, ArrayView2, Data, Ix1};

/// `logits = vectors · weightᵀ + bias`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// Shape `[hidden, outputs]`: stored transposed, as the product wants it.
    weight: Array2<f32>,
    bias: Array1<f32>,
}

impl Linear {
    /// Takes a weight of shape `[outputs, hidden]`, as PyTorch stores it, and a bias of `[outputs]`.
    ///
    /// # Panics
    /// Where the shapes do not fit each other.
    pub fn new(weight: &Array2<f32>, bias: Array1<f32>) -> Self {
        assert_eq!(weight.nrows(), bias.len(), "a bias for every output");
        Self {
            weight: weight.t().as_standard_layout().into_owned(),
            bias,
        }
    }

    /// Logits of shape `[tokens, outputs]` for vectors of shape `[tokens, hidden]`.
    pub fn logits(&self, vectors: ArrayView2<'_, f32>) -> Array2<f32> {
        vectors.dot(&self.weight) + &self.bias
    }

    /// Logits of shape `[outputs]` for one vector of shape `[hidden]`.
    pub fn logits_of<S: Data<Elem = f32>>(&self, vector: &ArrayBase<S, Ix1>) -> Array1<f32> {
        vector.dot(&self.weight) + &self.bias
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn logits_are_products_and_bias() {
        let head = Linear::new(&array![[1., 2.], [0., -1.], [3., 0.]], array![0., 1., 2.]);

        assert_eq!(head.logits(array![[1., 1.]].view()), array![[3., 0., 5.]]);
        assert_eq!(head.logits_of(&array![2., 0.]), array![2., 1., 8.]);
    }
}
