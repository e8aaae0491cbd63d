"""From tag scores to spans, and from spans to precision, recall and F1."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Span = tuple[int, int, str]  # first word, word after the last, label


def legal_tags(scores: np.ndarray, tags: list[str]) -> list[str]:
    """The best sequence of tags in which every `I-` follows a tag of its own label."""
    if not len(scores):
        return []
    allowed = np.array([[_follows(left, right) for right in tags] for left in tags])
    penalty = np.where(allowed, 0.0, -np.inf)
    starts = np.array([0.0 if _follows("O", tag) else -np.inf for tag in tags])
    best, back = scores[0] + starts, []
    for row in scores[1:]:
        paths = best[:, None] + penalty
        back.append(paths.argmax(0))
        best = paths.max(0) + row
    path = [int(best.argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return [tags[i] for i in reversed(path)]


def _follows(left: str, right: str) -> bool:
    return not right.startswith("I-") or left[2:] == right[2:]


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
