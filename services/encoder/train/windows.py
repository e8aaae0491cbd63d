"""Training windows: sentences of one document packed with variation, and batches of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from data import Sentence
from device import tensor
from sources import TAGS
from text import CLS, LOWER, OTHER, SEP, TITLE, UPPER, T, Words, cut_points, joined, pack

CURLY = {1005: (1520, 1521), 1000: (1523, 1524)}  # ' to ‘ or ’, " to “ or ”


@dataclass
class Window:
    """Token ids and types between [CLS] and [SEP], and what is wanted of each word's tags."""

    ids: np.ndarray
    types: np.ndarray
    heads: np.ndarray
    wanted: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass
class Batch:
    """Padded windows. `rows`, `columns` say where each word's first sub-token lies."""

    ids: torch.Tensor
    types: torch.Tensor
    mask: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    wanted: torch.Tensor


def build(sentences: list[Words], wanted: list[np.ndarray] | None = None) -> Window:
    """One window of the given sentences."""
    words = joined(sentences)
    types = np.repeat(words.types, words.lengths())
    return Window(
        np.concatenate([[CLS], words.ids, [SEP]]),
        np.concatenate([[OTHER], types, [OTHER]]),
        words.heads + 1,
        np.concatenate(wanted) if wanted else np.zeros((0, TAGS), np.float16),
    )


def cut_sentences(sentences: list[Sentence], limit: int) -> Iterator[Sentence]:
    """The sentences, those over the limit cut at word boundaries."""
    for sentence in sentences:
        for start, end in cut_points(sentence.words.lengths(), limit):
            yield Sentence(
                sentence.words.take(start, end), sentence.wanted[start:end], sentence.document
            )


def training_windows(
    sentences: list[Sentence], passes: float, widths: tuple[int, ...], rng: random.Random
) -> list[Window]:
    """The documents of a set `passes` times over, packed into windows of the widths, varied."""
    documents = [list(group) for _, group in groupby(sentences, lambda s: s.document)]
    windows = []
    for document in repeated(documents, passes, rng):
        limit = rng.choice(widths) - 2
        document = [augment(s, rng) for s in cut_sentences(document, limit)]
        for group in pack(document, lambda s: len(s.words.ids), limit):
            windows.append(build([s.words for s in group], [s.wanted for s in group]))
    return windows


def repeated(items: list[T], passes: float, rng: random.Random) -> list[T]:
    """The items `passes` times over; what is left of a pass takes some of them."""
    return items * int(passes) + rng.sample(items, int(len(items) * (passes % 1)))


def augment(sentence: Sentence, rng: random.Random) -> Sentence:
    """Sometimes makes a sentence look scraped: other case, no full stop, curly quotes."""
    words = vary(sentence.words, rng)
    end = len(words)
    if rng.random() < 0.1 and end > 1 and words.types[-1] == OTHER and sentence.wanted[-1, 0] > 0.5:
        end -= 1
    return Sentence(words.take(0, end), sentence.wanted[:end], "")


def vary(words: Words, rng: random.Random) -> Words:
    """Changes the case types or the quotes of a sentence, now and then."""
    style = rng.choices((None, "lower", "upper", "title"), (0.86, 0.05, 0.06, 0.03))[0]
    ids = words.ids
    if rng.random() < 0.2:
        ids = ids.copy()
        for straight, curly in CURLY.items():
            for i in np.flatnonzero(ids == straight):
                ids[i] = curly[1] if i == 0 or rng.random() < 0.6 else curly[0]
    return Words(ids, words.heads, recase(words, style), words.letters, words.spans)


def recase(words: Words, style: str | None) -> np.ndarray:
    """Case types of the words as if the sentence were written in the given style."""
    types = words.types.copy()
    lettered = words.letters > 0
    if style == "lower":
        types[lettered] = LOWER
    if style == "upper":
        types[lettered] = UPPER
        types[words.letters == 1] = TITLE
    if style == "title":
        first = np.arange(len(words)) == 0
        types[(types == LOWER) & ((words.letters > 3) | first)] = TITLE
    return types


def batches(windows: list[Window], max_tokens: int, rng: random.Random) -> list[list[Window]]:
    """Batches of about `max_tokens` padded tokens, windows of like length together."""
    ordered = sorted(windows, key=lambda window: len(window) + rng.uniform(-4, 4))
    result, batch, longest = [], [], 0
    for window in ordered:
        longest = max(longest, len(window))
        if batch and longest * (len(batch) + 1) > max_tokens:
            result.append(batch)
            batch, longest = [], len(window)
        batch.append(window)
    result.append(batch)
    rng.shuffle(result)
    return result


def batches_in_order(windows: list[Window], max_tokens: int) -> Iterator[list[int]]:
    """Indexes of windows in batches of about `max_tokens` padded tokens, shortest first."""
    batch: list[int] = []
    for i in sorted(range(len(windows)), key=lambda i: len(windows[i])):
        if batch and len(windows[i]) * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def collate(windows: list[Window]) -> Batch:
    """Pads windows to a batch of tensors."""
    width = max(len(window) for window in windows)
    ids = np.zeros((len(windows), width), np.int64)
    types = np.full((len(windows), width), OTHER, np.int64)
    mask = np.zeros((len(windows), width), bool)
    for i, window in enumerate(windows):
        ids[i, : len(window)] = window.ids
        types[i, : len(window)] = window.types
        mask[i, : len(window)] = True
    rows = np.repeat(np.arange(len(windows)), [len(window.heads) for window in windows])
    wanted = np.concatenate([window.wanted for window in windows])
    heads = np.concatenate([window.heads for window in windows]).astype(np.int64)
    return Batch(*(tensor(array) for array in (ids, types, mask, rows, heads, wanted)))
