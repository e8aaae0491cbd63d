//! The mean of an article's leading token vectors.

use copydesk_encoder::Window;
use ndarray::{Array1, ArrayView2, Axis, Slice};

/// Sums the token vectors of an article up to a number of tokens.
#[derive(Clone, Debug, Default)]
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

    /// Adds the first `share` owned tokens of a window; `vectors` has shape `[tokens, hidden]`.
    pub fn add(&mut self, window: &Window, vectors: ArrayView2<'_, f32>, share: usize) {
        if share == 0 {
            return;
        }
        let start = window.owned_tokens().start;
        let part = vectors
            .slice_axis(Axis(0), Slice::from(start..start + share))
            .sum_axis(Axis(0));
        self.sum = if self.tokens == 0 {
            part
        } else {
            &self.sum + &part
        };
        self.tokens += share;
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

        pool.add(&window(2, 0..2), array![[1., 0.], [3., 0.]].view(), 2);
        pool.add(
            &window(3, 1..3),
            array![[9., 9.], [2., 3.], [7., 7.]].view(),
            1,
        );
        pool.add(&window(1, 0..1), array![[5., 5.]].view(), 0);

        assert_eq!(pool.mean(), Some(array![2., 1.]));
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(Pool::default().mean(), None);
    }
}
