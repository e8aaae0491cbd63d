//! Text to tokens, by the model's own tokenizer, with the words that they come from.

use std::path::Path;

use crate::case::Case;
use crate::sentence::sentences;
use crate::window::{Sentence, Window, Word, pack};
use crate::{Error, ModelFolder};

/// `[CLS]` and `[SEP]`, which the engine puts around a window.
const SPECIAL_TOKENS: usize = 2;

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
            let sentence = text.get(range.clone()).unwrap_or_default();
            tokenised.push(self.tokenise(sentence, range.start)?);
        }
        Ok(pack(
            tokenised.into_iter(),
            self.max_tokens - SPECIAL_TOKENS,
        ))
    }

    /// Tokenises a sentence that starts at byte `base` of its text.
    fn tokenise(&self, sentence: &str, base: usize) -> Result<Sentence, Error> {
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
                    opens_sentence: i == 0,
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
