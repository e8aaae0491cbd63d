//! Words to windows: what the model reads in one go.

use std::ops::Range;

use sha2::{Digest, Sha256};

/// A word or punctuation mark of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// Its tokens in the window; never empty.
    pub tokens: Range<usize>,
    /// Whether a sentence begins with it: no entity goes on into it.
    pub opens_sentence: bool,
}

/// Tokens that the model reads in one go, `[CLS]` and `[SEP]` left out.
///
/// A window is whole sentences. Only a sentence that is longer than a window is cut, between words,
/// into windows that overlap; each word is then owned by the window that shows more around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Ids of the tokens in the vocabulary.
    pub ids: Vec<u32>,
    /// Token types: how the token's word is written.
    pub types: Vec<u8>,
    /// Words, in order.
    pub words: Vec<Word>,
    /// The words that this window answers for.
    pub owned: Range<usize>,
}

impl Window {
    /// The words that this window answers for.
    pub fn owned_words(&self) -> &[Word] {
        self.words.get(self.owned.clone()).unwrap_or_default()
    }

    /// The tokens of the words that this window answers for.
    pub fn owned_tokens(&self) -> Range<usize> {
        match self.owned_words() {
            [] => 0..0,
            [first, .., last] => first.tokens.start..last.tokens.end,
            [only] => only.tokens.clone(),
        }
    }

    /// Number of tokens that the model reads, `[CLS]` and `[SEP]` counted.
    pub fn tokens(&self) -> usize {
        self.ids.len() + 2
    }

    /// Tells apart windows that a model or a head reads otherwise: by their tokens, how these are
    /// written, where words and sentences begin, and what is owned. Where a window stands in its
    /// text is left out.
    ///
    /// The hash is a cryptographic one: nobody can write an article that passes for another.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let Range { start, end } = self.owned;
        for number in [self.ids.len(), self.words.len(), start, end] {
            hash.update(number.to_le_bytes());
        }
        for id in &self.ids {
            hash.update(id.to_le_bytes());
        }
        hash.update(&self.types);
        for word in &self.words {
            hash.update(word.tokens.start.to_le_bytes());
            hash.update([word.opens_sentence.into()]);
        }
        hash.finalize().into()
    }
}

/// A tokenised sentence; its shape is a window's, of any length.
#[derive(Default)]
pub(crate) struct Sentence {
    pub(crate) ids: Vec<u32>,
    pub(crate) types: Vec<u8>,
    pub(crate) words: Vec<Word>,
}

/// Packs sentences into windows of at most `limit` tokens.
pub(crate) fn pack(sentences: impl Iterator<Item = Sentence>, limit: usize) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut open = Sentence::default();
    for sentence in sentences {
        if open.ids.len() + sentence.ids.len() > limit {
            close(&mut windows, std::mem::take(&mut open));
        }
        if sentence.ids.len() > limit {
            cut(&mut windows, &sentence, limit);
        } else {
            open.extend(&sentence, 0..sentence.words.len());
        }
    }
    close(&mut windows, open);
    windows
}

fn close(windows: &mut Vec<Window>, sentence: Sentence) {
    if !sentence.words.is_empty() {
        let owned = 0..sentence.words.len();
        windows.push(sentence.into_window(owned));
    }
}

/// Cuts a sentence into windows that overlap by a quarter of the limit.
fn cut(windows: &mut Vec<Window>, sentence: &Sentence, limit: usize) {
    let (mut start, mut owned_start) = (0, 0);
    while owned_start < sentence.words.len() {
        let end = sentence.last_fitting(start, limit);
        let is_last = end == sentence.words.len();
        let next = if is_last {
            end
        } else {
            sentence.step_back(start, end, limit / 4)
        };
        let owned_end = if is_last {
            end
        } else {
            next + (end - next).div_ceil(2)
        };
        let mut piece = Sentence::default();
        piece.extend(sentence, start..end);
        windows.push(piece.into_window(owned_start - start..owned_end - start));
        (start, owned_start) = (next, owned_end);
    }
}

impl Sentence {
    /// Appends some words of another sentence.
    fn extend(&mut self, other: &Self, words: Range<usize>) {
        let words = other.words.get(words).unwrap_or_default();
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return;
        };
        let tokens = first.tokens.start..last.tokens.end;
        let shift = |at: usize, base: usize| base + at - tokens.start;
        let base = self.ids.len();
        self.words.extend(words.iter().map(|word| Word {
            range: word.range.clone(),
            tokens: shift(word.tokens.start, base)..shift(word.tokens.end, base),
            opens_sentence: word.opens_sentence,
        }));
        self.ids
            .extend_from_slice(other.ids.get(tokens.clone()).unwrap_or_default());
        self.types
            .extend_from_slice(other.types.get(tokens).unwrap_or_default());
    }

    /// The end of the longest run of words from `start` that has at most `limit` tokens, but at
    /// least one word.
    fn last_fitting(&self, start: usize, limit: usize) -> usize {
        let base = self.words[start].tokens.start;
        let fitting = self.words[start..]
            .iter()
            .take_while(|word| word.tokens.end - base <= limit)
            .count();
        start + fitting.max(1)
    }

    /// The first word of the last `overlap` tokens before `end`, but always beyond `start`.
    fn step_back(&self, start: usize, end: usize, overlap: usize) -> usize {
        let from = self.words[end - 1].tokens.end.saturating_sub(overlap);
        let kept = self.words[..end]
            .iter()
            .rev()
            .take_while(|word| word.tokens.start >= from);
        (end - kept.count()).max(start + 1)
    }

    fn into_window(self, owned: Range<usize>) -> Window {
        let Self { ids, types, words } = self;
        Window {
            ids,
            types,
            words,
            owned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sentence of words with the given numbers of tokens; ids and bytes count from `first`.
    fn sentence(first: usize, sizes: &[usize]) -> Sentence {
        let mut sentence = Sentence::default();
        for (i, size) in sizes.iter().enumerate() {
            let start = sentence.ids.len();
            sentence
                .ids
                .extend((start..start + size).map(|id| (first + id) as u32));
            sentence.types.extend(std::iter::repeat_n(0, *size));
            let range = first + i..first + i + 1;
            sentence.words.push(Word {
                range,
                tokens: start..start + size,
                opens_sentence: i == 0,
            });
        }
        sentence
    }

    #[test]
    fn whole_sentences_are_packed() {
        let sentences = [sentence(0, &[3]), sentence(10, &[4]), sentence(20, &[2, 2])];

        let windows = pack(sentences.into_iter(), 8);

        let ids: Vec<_> = windows.iter().map(|window| window.ids.as_slice()).collect();
        assert_eq!(ids, [&[0, 1, 2, 10, 11, 12, 13][..], &[20, 21, 22, 23]]);
        assert_eq!(windows[0].words[1].tokens, 3..7);
        assert!(
            windows
                .iter()
                .all(|window| window.owned == (0..window.words.len()))
        );
    }

    #[test]
    fn long_sentence_is_cut_and_each_word_owned_once() {
        for sizes in [
            vec![1; 100],
            vec![3; 50],
            vec![7; 9],
            vec![1, 8, 8, 8, 1, 1, 8],
        ] {
            let words = sizes.len();

            let windows = pack([sentence(0, &sizes)].into_iter(), 8);

            let owned: Vec<_> = windows
                .iter()
                .flat_map(|window| window.owned_words().iter().map(|word| word.range.start))
                .collect();
            assert_eq!(owned, (0..words).collect::<Vec<_>>());
            assert!(windows.iter().all(|window| window.ids.len() <= 8));
            assert!(
                windows
                    .iter()
                    .skip(1)
                    .all(|window| !window.words[0].opens_sentence)
            );
        }
    }

    #[test]
    fn digest_tells_all_but_the_place() {
        let window = sentence(0, &[1, 2]).into_window(0..2);
        let changed = |change: fn(&mut Window)| {
            let mut other = window.clone();
            change(&mut other);
            other.digest() != window.digest()
        };

        assert!(changed(|other| other.ids[2] += 1));
        assert!(changed(|other| other.types[2] += 1));
        assert!(changed(|other| other.words[1].opens_sentence = true));
        assert!(changed(|other| other.words[1].tokens.start = 2));
        assert!(changed(|other| other.owned = 0..1));
        assert!(!changed(|other| other.words[1].range = 7..9));
    }

    #[test]
    fn nothing_makes_no_window() {
        assert_eq!(pack([Sentence::default()].into_iter(), 8), []);
    }
}
