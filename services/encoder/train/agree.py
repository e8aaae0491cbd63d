"""Lets the mentions of a name in a document agree, as `services/ner/src/agree.rs` does."""

from collections import defaultdict

import numpy as np

from decode import legal_tags, spans

MEAN_SHARE = 0.5  # how much the mean of all mentions counts beside what is said of the one
MAX_WORDS, MIN_BYTES = 12, 3
FLOOR = 1e-4  # of a probability

Place = tuple[int, int]  # sentence, first word


def agree(words: list[list[str]], scores: list[np.ndarray], tags: list[str]) -> list[np.ndarray]:
    """The log probabilities of one head's tags, mixed over the mentions of each name.

    `words` are those of the sentences of one document, `scores` have a row for each.
    """
    result = [rows.copy() for rows in scores]
    for name, places in mentions(words, scores, tags).items():
        probabilities = [np.exp(scores[i][start : start + len(name)]) for i, start in places]
        mean = np.mean(probabilities, 0)
        for (i, start), own in zip(places, probabilities, strict=True):
            mixed = (1 - MEAN_SHARE) * own + MEAN_SHARE * mean
            result[i][start : start + len(name)] = np.log(mixed + FLOOR)
    return result


def mentions(
    words: list[list[str]], scores: list[np.ndarray], tags: list[str]
) -> dict[tuple[str, ...], list[Place]]:
    """Where each name stands that stands more than once; a word belongs to the longest name."""
    names = {
        tuple(sentence[start:end])
        for sentence, rows in zip(words, scores, strict=True)
        for start, end, _ in spans(legal_tags(rows, tags))
    }
    names = {name for name in names if _is_wanted(name)}
    taken = [np.zeros(len(sentence), bool) for sentence in words]
    found: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for length in sorted({len(name) for name in names}, reverse=True):
        for i, sentence in enumerate(words):
            for start in range(len(sentence) - length + 1):
                name, inside = tuple(sentence[start : start + length]), slice(start, start + length)
                if name in names and not taken[i][inside].any():
                    taken[i][inside] = True
                    found[name].append((i, start))
    return {name: places for name, places in found.items() if len(places) > 1}


def _is_wanted(name: tuple[str, ...]) -> bool:
    size = sum(len(word.encode()) for word in name)
    return name[0][0].isupper() and len(name) <= MAX_WORDS and size >= MIN_BYTES
