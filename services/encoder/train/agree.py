"""Lets the mentions of a name in a document agree, as `services/ner/src/agree.rs` does.

That has no `FLOOR`, and takes a word that is in an entity less than once in a hundred for one that
never is.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from decode import best_spans

MEAN_SHARE = 0.8  # how much the mean of all mentions counts beside what is said of the one
RELATIVE_SHARE = 0.7  # how much longer names count beside that mean, see `relatives`
PERSON_WORDS = 4  # at most, of a person's name whose last words stand for it
MAX_WORDS, MIN_BYTES = 12, 3
FLOOR = 1e-4  # of a probability

Place = tuple[int, int]  # sentence, first word
Name = tuple[str, ...]


def agree(
    words: list[list[str]],
    scores: list[np.ndarray],
    tags: list[str],
    thresholds: Mapping[str, float],
) -> list[np.ndarray]:
    """The log probabilities of one head's tags, mixed over the mentions of each name.

    `words` are those of the sentences of one document, `scores` have a row for each. What is
    found with half of the thresholds may agree with what is sure.
    """
    thresholds = {label: threshold / 2 for label, threshold in thresholds.items()}
    result = [rows.copy() for rows in scores]
    found = {
        name: [(i, slice(start, start + len(name))) for i, start in places]
        for name, places in mentions(words, scores, tags, thresholds).items()
    }
    means = {
        name: np.mean([np.exp(scores[i][inside]) for i, inside in places], 0)
        for name, places in found.items()
    }
    longer = relatives(means, tags)
    for name, places in found.items():
        mean = means[name]
        if name in longer:
            weights = [len(found[other]) for other, _ in longer[name]]
            theirs = np.average([rows for _, rows in longer[name]], 0, weights)
            mean = (1 - RELATIVE_SHARE) * mean + RELATIVE_SHARE * theirs
        elif len(places) == 1:
            continue
        for i, inside in places:
            mixed = (1 - MEAN_SHARE) * np.exp(scores[i][inside]) + MEAN_SHARE * mean
            result[i][inside] = np.log(mixed + FLOOR)
    return result


def relatives(
    means: dict[Name, np.ndarray], tags: list[str]
) -> dict[Name, list[tuple[Name, np.ndarray]]]:
    """The longer names that a name stands for, with their probabilities as if written so short.

    The last words of a person's name stand for the person, initials for what they abbreviate.
    """
    result: dict[Name, list[tuple[Name, np.ndarray]]] = defaultdict(list)
    person = [column for column, tag in enumerate(tags) if tag.endswith("-PERSON")]
    for name, mean in means.items():
        if len(name) <= PERSON_WORDS and mean[:, person].sum(1).mean() > 0.5:
            for size in range(1, len(name)):
                result[name[-size:]].append((name, opened(mean[-size:], tags)))
        initials = "".join(word[0] for word in name if word[0].isupper())
        if len(initials) > 1 and (short := (initials,)) in means:
            result[short].append((name, opened(mean.mean(0, keepdims=True), tags)))
    return result


def opened(rows: np.ndarray, tags: list[str]) -> np.ndarray:
    """The probabilities of a name's words where the first of them begins it."""
    rows = rows.copy()
    for column, tag in enumerate(tags):
        if tag.startswith("I-"):
            rows[0, tags.index("B" + tag[1:])] += rows[0, column]
            rows[0, column] = 0
    return rows


def mentions(
    words: list[list[str]],
    scores: list[np.ndarray],
    tags: list[str],
    thresholds: Mapping[str, float],
) -> dict[Name, list[Place]]:
    """Where each name stands; a word belongs to the longest name."""
    names = {
        tuple(sentence[start:end])
        for sentence, rows in zip(words, scores, strict=True)
        for start, end, _ in best_spans(rows, tags, thresholds)
    }
    names = {name for name in names if _is_wanted(name)}
    taken = [np.zeros(len(sentence), bool) for sentence in words]
    found: dict[Name, list[Place]] = defaultdict(list)
    for length in sorted({len(name) for name in names}, reverse=True):
        for i, sentence in enumerate(words):
            for start in range(len(sentence) - length + 1):
                name, inside = tuple(sentence[start : start + length]), slice(start, start + length)
                if name in names and not taken[i][inside].any():
                    taken[i][inside] = True
                    found[name].append((i, start))
    return found


def _is_wanted(name: Name) -> bool:
    size = sum(len(word.encode()) for word in name)
    return name[0][0].isupper() and len(name) <= MAX_WORDS and size >= MIN_BYTES
