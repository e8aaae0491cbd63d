//! Windows to the rectangular batches that an engine takes.

use std::ops::Range;

use ndarray::Array2;

use crate::Window;
use crate::case::Case;

/// Ids of BERT's own tokens in every BERT vocabulary that this project ships.
const CLS: i64 = 101;
const SEP: i64 = 102;
const PAD: i64 = 0;

/// A window has one of so many lengths, whatever other windows are in its batch: it is padded to the
/// next multiple of that part of the longest.
///
/// The engine rounds otherwise where a row is longer: attention adds up in another order, and now
/// and then an int8 falls to the other side. Padding of its own makes a window's vectors the same
/// in any company. Few lengths also mean few shapes, for each of which the engine keeps code.
const LENGTHS: usize = 8;

/// What windows are padded to a multiple of, by how long they can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Padding(usize);

impl Padding {
    /// For windows of so many tokens at most.
    pub(crate) fn of(max_tokens: usize) -> Self {
        Self((max_tokens / LENGTHS).max(1))
    }

    /// Tokens that a window takes in a batch.
    pub(crate) fn length(self, window: &Window) -> usize {
        window.tokens().next_multiple_of(self.0)
    }
}

/// Windows side by side, of one padded length. All arrays have shape `[windows, length]`.
#[derive(Debug)]
pub struct TokenBatch {
    /// Ids of the tokens: `[CLS]`, the window's, `[SEP]`, padding.
    pub ids: Array2<i64>,
    /// Token types.
    pub types: Array2<i64>,
    /// 1 for a token, 0 for padding.
    pub mask: Array2<i64>,
}

impl TokenBatch {
    /// Lays windows side by side.
    pub(crate) fn new<'w>(
        windows: impl ExactSizeIterator<Item = &'w Window> + Clone,
        padding: Padding,
    ) -> Self {
        let lengths = windows.clone().map(|window| padding.length(window));
        let length = lengths.max().unwrap_or_default();
        let shape = (windows.len(), length);
        let mut ids = Array2::from_elem(shape, PAD);
        let mut types = Array2::from_elem(shape, Case::Other as i64);
        let mut mask = Array2::zeros(shape);
        for (row, window) in windows.enumerate() {
            ids[[row, 0]] = CLS;
            ids[[row, window.ids.len() + 1]] = SEP;
            for (i, (id, case)) in window.ids.iter().zip(&window.types).enumerate() {
                ids[[row, i + 1]] = i64::from(*id);
                types[[row, i + 1]] = i64::from(*case);
            }
            mask.row_mut(row)
                .iter_mut()
                .take(window.tokens())
                .for_each(|seen| *seen = 1);
        }
        Self { ids, types, mask }
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.ids.nrows()
    }

    /// Tokens of each window, padding counted.
    pub fn length(&self) -> usize {
        self.ids.ncols()
    }

    /// Where the window's own tokens lie in its row.
    pub(crate) fn tokens_of(window: &Window) -> Range<usize> {
        1..window.ids.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, Slice, array};

    use super::*;
    use crate::Word;

    fn window(ids: &[u32]) -> Window {
        Window {
            ids: ids.to_vec(),
            types: vec![1; ids.len()],
            words: vec![Word {
                range: 0..1,
                tokens: 0..ids.len(),
                opens_sentence: true,
            }],
            owned: 0..1,
        }
    }

    #[test]
    fn windows_are_framed_and_padded() {
        let windows = [window(&[7, 8]), window(&[9])];

        let batch = TokenBatch::new(windows.iter(), Padding::of(128));

        let leading = |array: &Array2<i64>| array.slice_axis(Axis(1), Slice::from(..5)).to_owned();
        assert_eq!(batch.ids.dim(), (2, 16));
        assert_eq!(
            leading(&batch.ids),
            array![[101, 7, 8, 102, 0], [101, 9, 102, 0, 0]]
        );
        assert_eq!(
            leading(&batch.types),
            array![[5, 1, 1, 5, 5], [5, 1, 5, 5, 5]]
        );
        assert_eq!(
            leading(&batch.mask),
            array![[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]
        );
    }

    #[test]
    fn padding_is_the_windows_own() {
        let length = |tokens: usize, longest| {
            let window = window(&vec![7; tokens]);
            TokenBatch::new([&window].into_iter(), Padding::of(longest)).length()
        };

        assert_eq!([length(14, 128), length(15, 128)], [16, 32]);
        assert_eq!([length(14, 64), length(15, 64)], [16, 24]);
    }
}
