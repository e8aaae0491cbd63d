"""Words, case types and windows: the text contract that the Rust encoder follows as well.

A *word* is one word of the BERT pre-tokenizer, so a punctuation mark is a word of its own.
The vocabulary is uncased; each word's *case type* travels in the token type ids instead.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from tokenizers import Tokenizer

T = TypeVar("T")

CLS, SEP = 101, 102
LOWER, TITLE, UPPER, MIXED, DIGITS, OTHER = range(6)


@dataclass
class Words:
    """The words of one sentence: flat sub-tokens, and per word where it starts and what it is."""

    ids: np.ndarray  # sub-token ids
    heads: np.ndarray  # per word: index of its first sub-token
    types: np.ndarray  # per word: case type
    letters: np.ndarray  # per word: number of letters
    spans: list[tuple[int, int]]  # per word: characters of the original text

    def __len__(self) -> int:
        return len(self.heads)

    def lengths(self) -> np.ndarray:
        """Number of sub-tokens of each word."""
        return np.diff(self.heads, append=len(self.ids))

    def take(self, start: int, end: int) -> "Words":
        """The words from `start` up to `end`."""
        bounds = np.append(self.heads, len(self.ids))
        return Words(
            self.ids[bounds[start] : bounds[end]],
            self.heads[start:end] - bounds[start],
            self.types[start:end],
            self.letters[start:end],
            self.spans[start:end],
        )


def joined(parts: list[Words]) -> Words:
    """One sentence of several pieces; where its words stood in a text is not kept."""
    starts = np.cumsum([0, *(len(part.ids) for part in parts)])[:-1]
    heads = [part.heads + start for part, start in zip(parts, starts, strict=True)]
    return Words(
        np.concatenate([part.ids for part in parts]),
        np.concatenate(heads).astype(np.int32),
        np.concatenate([part.types for part in parts]),
        np.concatenate([part.letters for part in parts]),
        [(0, 0)] * sum(map(len, parts)),
    )


def load_tokenizer(path: Path) -> Tokenizer:
    """Reads a tokenizer and takes its truncation and padding away: windows are cut here."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def case_type(word: str) -> tuple[int, int]:
    """Case type and number of letters of one word, as it is written in the original text."""
    letters = [char for char in word if char.isalpha()]
    if not letters:
        has_digit = any(unicodedata.category(char).startswith("N") for char in word)
        return (DIGITS if has_digit else OTHER), 0
    capitals = [char.isupper() for char in letters]
    if not any(capitals):
        return LOWER, len(letters)
    if capitals[0] and not any(capitals[1:]):
        return TITLE, len(letters)
    if all(capitals):
        return UPPER, len(letters)
    return MIXED, len(letters)


def split_words(tokenizer: Tokenizer, texts: list[str]) -> list[Words]:
    """Cuts each text into words and their sub-tokens."""
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [_words(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]


def _words(text: str, encoding) -> Words:
    heads, spans, previous = [], [], None
    for i, (word, (start, end)) in enumerate(zip(encoding.word_ids, encoding.offsets, strict=True)):
        if word == previous:
            spans[-1] = (spans[-1][0], end)
        else:
            heads.append(i)
            spans.append((start, end))
        previous = word
    cases = [case_type(text[start:end]) for start, end in spans]
    return Words(
        np.array(encoding.ids, np.int32),
        np.array(heads, np.int32),
        np.array([case for case, _ in cases], np.int8),
        np.array([letters for _, letters in cases], np.int16),
        spans,
    )


def pack(sentences: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Packs whole sentences greedily into groups of at most `limit` tokens."""
    group: list[T] = []
    filled = 0
    for sentence in sentences:
        if group and filled + size(sentence) > limit:
            yield group
            group, filled = [], 0
        group.append(sentence)
        filled += size(sentence)
    if group:
        yield group


def cut_points(lengths: np.ndarray, limit: int) -> list[tuple[int, int]]:
    """Word ranges of at most `limit` sub-tokens: one range unless the sentence is too long."""
    ranges, start, filled = [], 0, 0
    for i, length in enumerate(lengths):
        if filled + length > limit and i > start:
            ranges.append((start, i))
            start, filled = i, 0
        filled += int(length)
    ranges.append((start, len(lengths)))
    return ranges
