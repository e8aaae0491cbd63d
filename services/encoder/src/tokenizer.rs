//! Text to tokens, by the model's own tokenizer, with the words that they come from.

use std::ops::Range;
use std::path::Path;

use crate::case::Case;
use crate::sentence::sentences;
use crate::window::{Sentence, Window, Word, pack};
use crate::{Error, ModelFolder};

/// `[CLS]` and `[SEP]`, which the engine puts around a window.
const SPECIAL_TOKENS: usize = 2;

/// Bytes of a sentence that are tokenised at once. No sentence of prose is as long, and each mark
/// of one takes hundreds of bytes for a moment.
const MAX_PIECE: usize = 64 << 10;

/// Cuts text into the windows that a model reads.
///
/// A clone is cheap next to its work, and each thread wants its own.
#[derive(Clone)]
pub struct Tokenizer {
    tokenizer: tokenizers::Tokenizer,
    max_tokens: usize,
}

impl Tokenizer {
    /// Loads the tokenizer of a model.
    pub fn load(folder: &ModelFolder) -> Result<Self, Error> {
        Self::open(&folder.file("tokenizer.json")?, folder.max_tokens())
    }

    fn open(path: &Path, max_tokens: usize) -> Result<Self, Error> {
        let tokenizer = tokenizers::Tokenizer::from_file(path).map_err(Error::Tokenizer)?;
        Ok(Self {
            tokenizer,
            max_tokens,
        })
    }

    /// Cuts a text into windows of whole sentences; their words' ranges are bytes of `text`.
    pub fn windows(&self, text: &str) -> Result<Vec<Window>, Error> {
        let mut tokenised = Vec::new();
        for range in sentences(text) {
            for piece in pieces(text, range.clone()) {
                let opens = piece.start == range.start;
                let words = text.get(piece.clone()).unwrap_or_default();
                tokenised.push(self.tokenise(words, piece.start, opens)?);
            }
        }
        Ok(pack(
            tokenised.into_iter(),
            self.max_tokens - SPECIAL_TOKENS,
        ))
    }

    /// Tokenises a sentence, or a part that does not open one, that starts at byte `base` of its
    /// text.
    fn tokenise(&self, sentence: &str, base: usize, opens: bool) -> Result<Sentence, Error> {
        let encoding = self
            .tokenizer
            .encode(sentence, false)
            .map_err(Error::Tokenizer)?;
        let mut result = Sentence {
            ids: encoding.get_ids().to_vec(),
            ..Sentence::default()
        };
        let mut current = None;
        for (i, word) in encoding.get_word_ids().iter().enumerate() {
            let (start, end) = encoding.get_offsets()[i];
            match result.words.last_mut() {
                Some(last) if *word == current => {
                    last.range.end = base + end;
                    last.tokens.end = i + 1;
                }
                _ => result.words.push(Word {
                    range: base + start..base + end,
                    tokens: i..i + 1,
                    opens_sentence: opens && i == 0,
                }),
            }
            current = *word;
        }
        for word in &result.words {
            let written = sentence.get(word.range.start - base..word.range.end - base);
            let case = Case::of(written.unwrap_or_default()) as u8;
            result
                .types
                .extend(std::iter::repeat_n(case, word.tokens.len()));
        }
        Ok(result)
    }
}

/// Cuts a sentence into parts of at most `MAX_PIECE` bytes, at white space where there is any.
fn pieces(text: &str, sentence: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = sentence.start;
    std::iter::from_fn(move || {
        let most = sentence.end.min(start + MAX_PIECE);
        let most = (start..=most)
            .rev()
            .find(|&end| text.is_char_boundary(end))?;
        let piece = text.get(start..most).filter(|piece| !piece.is_empty())?;
        let end = match piece.rfind(char::is_whitespace) {
            Some(space) if most < sentence.end && space > 0 => start + space,
            _ => most,
        };
        Some(std::mem::replace(&mut start, end)..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentence_is_cut_at_white_space() {
        for (text, cuts) in [
            ("Zoë 👩‍🚀 in Zürich".to_owned(), vec![]),
            ("Zoë ".repeat(20_000), vec![65_534]),
            ("é".repeat(40_000), vec![MAX_PIECE]),
            (format!(" {}", "é".repeat(40_000)), vec![MAX_PIECE - 1]),
        ] {
            let pieces: Vec<_> = pieces(&text, 0..text.len()).collect();

            let ends: Vec<_> = pieces.iter().map(|piece| piece.end).collect();
            let starts: Vec<_> = pieces.iter().map(|piece| piece.start).collect();
            assert_eq!(ends, [&cuts[..], &[text.len()]].concat());
            assert_eq!(starts, [&[0], &cuts[..]].concat());
        }
    }
}
