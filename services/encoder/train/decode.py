"""From tags and their probabilities to spans, and from spans to precision, recall and F1."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

Span = tuple[int, int, str]  # first word, word after the last, label

MAX_WORDS = 64  # of a span that is chosen, as in `services/ner/src/decode.rs`


def best_spans(scores: np.ndarray, tags: list[str], thresholds: Mapping[str, float]) -> set[Span]:
    """The spans that together promise most, as `services/ner/src/decode.rs` chooses them.

    `scores` are the log probabilities of a sentence's tags, (words, tags). A span's confidence is
    the least probability of its tags, times that of the next word not going on with it; it promises
    its confidence less its label's threshold.
    """
    size = len(scores)
    ending: list[list[tuple[float, int, str]]] = [[] for _ in range(size + 1)]
    for begin, end, label, confidence in _candidates(np.exp(scores), tags, thresholds):
        ending[end].append((confidence - thresholds[label], begin, label))
    best, back = [0.0] * (size + 1), [(0, "")] * (size + 1)
    for end in range(1, size + 1):
        best[end], back[end] = best[end - 1], (end - 1, "")
        for promise, begin, label in ending[end]:
            if best[begin] + promise > best[end]:
                best[end], back[end] = best[begin] + promise, (begin, label)
    found, end = set(), size
    while end:
        begin, label = back[end]
        if label:
            found.add((begin, end, label))
        end = begin
    return found


def _candidates(
    probabilities: np.ndarray, tags: list[str], thresholds: Mapping[str, float]
) -> Iterator[tuple[int, int, str, float]]:
    size = len(probabilities)
    for column, tag in enumerate(tags):
        if not tag.startswith("B-"):
            continue
        label, threshold = tag[2:], thresholds[tag[2:]]
        first, later = probabilities[:, column], probabilities[:, tags.index(f"I-{label}")]
        for begin in np.flatnonzero(first > threshold).tolist():
            weakest = first[begin]
            for end in range(begin + 1, min(size, begin + MAX_WORDS) + 1):
                goes_on = later[end] if end < size else 0.0
                if (confidence := float(weakest * (1 - goes_on))) > threshold:
                    yield begin, end, label, confidence
                weakest = min(weakest, goes_on)
                if weakest <= threshold:
                    break


def spans(tags: Iterable[str]) -> set[Span]:
    """Entity spans of a tag sequence; a stray `I-` opens a new span."""
    found, start, label = set(), 0, ""
    for i, tag in enumerate([*tags, "O"]):
        if label and (tag[2:] != label or tag.startswith("B-")):
            found.add((start, i, label))
            label = ""
        if tag != "O" and not label:
            start, label = i, tag[2:]
    return found


@dataclass
class Score:
    """Counts of one label or of a whole set."""

    right: int = 0
    predicted: int = 0
    gold: int = 0

    def figures(self) -> dict[str, float]:
        """Precision, recall, F1 and how many gold spans they rest on."""
        precision = self.right / max(self.predicted, 1)
        recall = self.right / max(self.gold, 1)
        f1 = 2 * self.right / max(self.predicted + self.gold, 1)
        return {"precision": precision, "recall": recall, "f1": f1, "gold": self.gold}


def score_spans(
    gold: list[set[Span]], predicted: list[set[Span]], labels: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Figures by label, `micro` over all and `macro` over the labels that the gold has."""
    counts: dict[str, Counter] = {label: Counter() for label in labels}
    for wanted, found in zip(gold, predicted, strict=True):
        for kind, group in (("gold", wanted), ("predicted", found), ("right", wanted & found)):
            for _, _, label in group:
                if label in counts:
                    counts[label][kind] += 1
    result = {label: Score(**count).figures() for label, count in counts.items()}
    present = [figures["f1"] for figures in result.values() if figures["gold"]]
    result["micro"] = Score(**sum(counts.values(), Counter())).figures()
    result["macro"] = {"f1": float(np.mean(present)) if present else 0.0}
    return result
