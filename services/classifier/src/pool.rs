//! The mean of an article's leading token vectors.

use copydesk_encoder::Window;
use ndarray::{Array1, ArrayView2, Axis, Slice};

/// A sum of token vectors: of a window's part in an article's mean, or of several such parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    sum: Array1<f32>,
    tokens: usize,
}

impl Pool {
    /// Tells how many of each window's leading owned tokens enter the mean of at most
    /// `pool_tokens`: the first windows give all of theirs, the last one perhaps a part.
    pub fn shares<'w>(
        windows: impl Iterator<Item = &'w Window>,
        pool_tokens: usize,
    ) -> impl Iterator<Item = usize> {
        let mut left = pool_tokens;
        windows.map(move |window| {
            let share = window.owned_tokens().len().min(left);
            left -= share;
            share
        })
    }

    /// Sums the first `share` owned tokens of a window; `vectors` has shape `[tokens, hidden]`.
    pub fn of(window: &Window, vectors: ArrayView2<'_, f32>, share: usize) -> Self {
        if share == 0 {
            return Self::default();
        }
        let start = window.owned_tokens().start;
        let part = vectors.slice_axis(Axis(0), Slice::from(start..start + share));
        Self {
            sum: part.sum_axis(Axis(0)),
            tokens: share,
        }
    }

    /// Takes in another part.
    pub fn add(&mut self, part: &Self) {
        if self.tokens == 0 {
            self.sum.clone_from(&part.sum);
        } else if part.tokens > 0 {
            self.sum += &part.sum;
        }
        self.tokens += part.tokens;
    }

    /// Bytes of memory that it takes, besides its own.
    pub fn bytes(&self) -> usize {
        self.sum.len() * size_of::<f32>()
    }

    /// The mean, shape `[hidden]`; `None` where there was no token.
    pub fn mean(&self) -> Option<Array1<f32>> {
        (self.tokens > 0).then(|| &self.sum / self.tokens as f32)
    }
}

#[cfg(test)]
mod tests {
    use copydesk_encoder::Word;
    use ndarray::array;

    use super::*;

    fn window(tokens: usize, owned: std::ops::Range<usize>) -> Window {
        Window {
            ids: vec![0; tokens],
            types: vec![0; tokens],
            words: (0..tokens)
                .map(|i| Word {
                    range: i..i + 1,
                    tokens: i..i + 1,
                    opens_sentence: i == 0,
                })
                .collect(),
            owned,
        }
    }

    #[test]
    fn leading_tokens_alone_enter() {
        let windows = [window(3, 0..3), window(4, 1..4), window(2, 0..2)];

        let shares: Vec<_> = Pool::shares(windows.iter(), 5).collect();

        assert_eq!(shares, [3, 2, 0]);
    }

    #[test]
    fn mean_is_over_owned_tokens() {
        let mut pool = Pool::default();

        for (window, vectors, share) in [
            (window(1, 0..1), array![[5., 5.]], 0),
            (window(2, 0..2), array![[1., 0.], [3., 0.]], 2),
            (window(3, 1..3), array![[9., 9.], [2., 3.], [7., 7.]], 1),
            (window(1, 0..1), array![[5., 5.]], 0),
        ] {
            pool.add(&Pool::of(&window, vectors.view(), share));
        }

        assert_eq!(pool.mean(), Some(array![2., 1.]));
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(Pool::default().mean(), None);
    }
}
