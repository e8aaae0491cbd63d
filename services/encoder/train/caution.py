"""How much surer a model has to be of cyber names than the sets ask for that are full of them."""

import numpy as np

from decode import best_spans
from sources import CYBER_TAGS, CYBER_THRESHOLDS

STEPS = np.arange(0.0, 2.01, 0.25)
# Half of what is allowed, one name in 100 articles of 400 words: other news is not like this.
WORDS_A_NAME = 80_000


def caution(scores: list[np.ndarray]) -> float:
    """The least of `STEPS`, in log odds, with which next to no name is found in ordinary news.

    `scores` are the log probabilities of the cyber tags of each sentence, (words, tags).
    """
    allowed = sum(map(len, scores)) / WORDS_A_NAME
    enough = (step for step in STEPS if count_names(scores, step) <= allowed)
    return float(next(enough, STEPS[-1]))


def count_names(scores: list[np.ndarray], step: float) -> int:
    """How many names are found once `step` is taken from the log odds of one."""
    return sum(len(best_spans(wary(score, step), CYBER_TAGS, CYBER_THRESHOLDS)) for score in scores)


def wary(score: np.ndarray, step: float) -> np.ndarray:
    """Log probabilities of tags with `step` added to the logit of `O`."""
    logits = score + step * (np.arange(score.shape[1]) == CYBER_TAGS.index("O"))
    return logits - np.logaddexp.reduce(logits, 1, keepdims=True)
