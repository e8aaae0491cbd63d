//! Windows to the rectangular batches that an engine takes.

use std::ops::Range;

use ndarray::Array2;

use crate::Window;
use crate::case::Case;

/// Ids of BERT's own tokens in every BERT vocabulary that this project ships.
const CLS: i64 = 101;
const SEP: i64 = 102;
const PAD: i64 = 0;

/// A window is padded to the next multiple of this, whatever other windows are in its batch.
///
/// The engine rounds otherwise where a row is longer: attention adds up in another order, and now
/// and then an int8 falls to the other side. Padding of its own makes a window's vectors the same
/// in any company. Few lengths, all of them whole vectors of AVX-512, also run faster.
const STEP: usize = 16;

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
    pub fn new<'w>(windows: impl ExactSizeIterator<Item = &'w Window> + Clone) -> Self {
        let length = windows.clone().map(padded_length).max().unwrap_or_default();
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

/// Tokens that a window takes in a batch.
pub(crate) fn padded_length(window: &Window) -> usize {
    window.tokens().next_multiple_of(STEP)
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

        let batch = TokenBatch::new(windows.iter());

        let leading = |array: &Array2<i64>| array.slice_axis(Axis(1), Slice::from(..5)).to_owned();
        assert_eq!(batch.ids.dim(), (2, STEP));
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
        let alone = TokenBatch::new([&window(&[7; 14])].into_iter());
        let longer = TokenBatch::new([&window(&[7; 15])].into_iter());

        assert_eq!([alone.length(), longer.length()], [STEP, 2 * STEP]);
    }
}
