"""Texts whose names are replaced by others of their kind (mention replacement, Dai and Adel 2020).

Names are what a small model knows least of, and the texts that it reads have each of them in a few
contexts alone. Where a teacher has found the names, what is wanted of the new words nobody needs to
know: the teachers read them too. Where labels name them, they are the labels of the new words.
"""

import random
from collections.abc import Mapping
from itertools import groupby

import numpy as np

from data import Sentence
from decode import Span, spans
from sources import CYBER, CYBER_LABELS, CYBER_TAGS, NEWS, NEWS_TAGS
from text import UPPER, Words, joined

LABELS = ("PERSON", "ORG", "LOC", "FAC", "NORP", "PRODUCT", "MISC", *CYBER_LABELS)
SHARE = 0.7  # of the names of a document
MAX_WORDS = 6
HEADLINE = (
    5  # letters of a name that is in capitals because all of its sentence is, not as initials
)

# Columns of a word's tags: of each tag that begins a name, and of the one that goes on with it.
BEGINS = [
    columns.start + tags.index(tag)
    for columns, tags in ((NEWS, NEWS_TAGS), (CYBER, CYBER_TAGS))
    for tag in tags
    if tag.startswith("B-")
]
GOES_ON = [begin + 1 for begin in BEGINS]

Bank = dict[str, list[Words]]


def swaps(
    texts: Mapping[str, list[Sentence]],
    found: Mapping[str, list[list[Span]]],
    rng: random.Random,
) -> dict[str, list[Sentence]]:
    """The sentences of each set with other names, the same for a name throughout a document.

    `found` are the names of each sentence, in order.
    """
    bank = _bank(texts, found)
    return {name: list(_swap_all(rows, found[name], bank, rng)) for name, rows in texts.items()}


def found_by(opinions: np.ndarray, rows: list[Sentence]) -> list[list[Span]]:
    """The names that a teacher finds; `opinions` has a row of tags' probabilities for each word."""
    ends = np.cumsum([len(row.words) for row in rows])[:-1]
    tags = np.split(opinions[:, NEWS].argmax(1), ends)
    return [sorted(spans(NEWS_TAGS[tag] for tag in sentence)) for sentence in tags]


def labelled(rows: list[Sentence]) -> list[list[Span]]:
    """The names of attackers and their tools where the labels leave no doubt."""

    def tag(allowed: np.ndarray) -> str:
        return CYBER_TAGS[allowed.argmax()] if allowed.sum() == 1 else "O"

    return [sorted(spans(tag(word) for word in row.wanted[:, CYBER])) for row in rows]


def _bank(texts: Mapping[str, list[Sentence]], found: Mapping[str, list[list[Span]]]) -> Bank:
    """Each name once, by label: rare ones come as often as those that stand everywhere."""
    names: dict[str, dict[bytes, Words]] = {label: {} for label in LABELS}
    for name, rows in texts.items():
        for row, places in zip(rows, found[name], strict=True):
            for start, end, label in places:
                if label in names and end - start <= MAX_WORDS:
                    words = row.words.take(start, end)
                    names[label].setdefault(words.ids.tobytes(), words)
    return {label: list(words.values()) for label, words in names.items()}


def _swap_all(rows: list[Sentence], found: list[list[Span]], bank: Bank, rng: random.Random):
    pairs = zip(rows, found, strict=True)
    for _, document in groupby(pairs, lambda pair: pair[0].document):
        known: dict[tuple[str, bytes], Words | None] = {}
        for row, places in document:
            yield _swap(row, places, known, bank, rng)


def _swap(
    row: Sentence,
    places: list[Span],
    known: dict[tuple[str, bytes], Words | None],
    bank: Bank,
    rng: random.Random,
) -> Sentence:
    parts, wanted, at = [], [], 0
    for start, end, label in places:
        old = row.words.take(start, end)
        key = label, old.ids.tobytes()
        if key not in known:
            is_swapped = bool(bank.get(label)) and rng.random() < SHARE
            known[key] = rng.choice(bank[label]) if is_swapped else None
        if (new := known[key]) is not None:
            parts += [row.words.take(at, start), _in_case_of(old, new)]
            wanted += [row.wanted[at:start], _wanted(row.wanted[start], len(new))]
            at = end
    words = joined([*parts, row.words.take(at, len(row.words))])
    return Sentence(words, np.concatenate([*wanted, row.wanted[at:]]), row.document)


def _wanted(first: np.ndarray, words: int) -> np.ndarray:
    """What is wanted of a name of so many words, by what is wanted of its first one.

    Where that may not go on with a name, the others may not begin one.
    """
    rest, begins, goes_on = first.copy(), first[BEGINS], first[GOES_ON]
    rest[BEGINS], rest[GOES_ON] = np.minimum(begins, goes_on), np.maximum(begins, goes_on)
    return np.stack([first, *[rest] * (words - 1)])


def _in_case_of(old: Words, new: Words) -> Words:
    """The new name, in capitals where the old one stood in a headline in capitals."""
    if old.types[0] != UPPER or old.letters[0] <= HEADLINE:
        return new
    types = np.where(new.letters > 0, UPPER, new.types).astype(np.int8)
    return Words(new.ids, new.heads, types, new.letters, new.spans)
