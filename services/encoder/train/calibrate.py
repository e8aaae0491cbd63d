"""Makes topic scores probabilities, and chooses the threshold of each category."""

from dataclasses import dataclass

import numpy as np

from taxonomy import Category

FOLDS = 5
SHRINK = 15  # dev articles that the level's common threshold weighs as much as
UNSEEN = 0.9  # threshold of a category without a single training article
GRID = np.arange(0.1, 0.91, 0.02)


@dataclass
class Calibration:
    """Per category: scale and shift of the logit, and the threshold of the score."""

    scale: np.ndarray
    shift: np.ndarray
    threshold: np.ndarray

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated scores."""
        return sigmoid(logits * self.scale + self.shift)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


def fit(
    logits: np.ndarray, gold: np.ndarray, categories: list[Category], seen: np.ndarray
) -> Calibration:
    """Fits one scale and shift a level, then thresholds that lean on their level's best one."""
    count = len(categories)
    result = Calibration(np.ones(count), np.zeros(count), np.full(count, 0.5))
    levels = np.array([len(category.path) for category in categories])
    for level in (1, 2):
        members = np.flatnonzero(levels == level)
        scale, shift = fit_logistic(logits[:, members].ravel(), gold[:, members].ravel())
        result.scale[members], result.shift[members] = scale, shift
        scores = sigmoid(logits[:, members] * scale + shift)
        common = _common_threshold(scores, gold[:, members], macro=level == 1)
        for column, member in enumerate(members):
            result.threshold[member] = _threshold(scores[:, column], gold[:, member], common)
    result.threshold[~seen] = UNSEEN
    return result


def fit_logistic(logits: np.ndarray, gold: np.ndarray) -> tuple[float, float]:
    """Scale and shift that make `sigmoid(scale * logit + shift)` fit best (Newton's method)."""
    weights = np.array([1.0, 0.0])
    inputs = np.stack([logits, np.ones_like(logits)], 1).astype(np.float64)
    for _ in range(30):
        scores = sigmoid(inputs @ weights)
        gradient = inputs.T @ (scores - gold)
        curvature = (inputs * (scores * (1 - scores))[:, None]).T @ inputs + 1e-6 * np.eye(2)
        weights -= np.linalg.solve(curvature, gradient)
    return float(weights[0]), float(weights[1])


def temperature(log_probabilities: np.ndarray, wanted: np.ndarray) -> float:
    """What to divide logits by so that the wanted tags are most probable (Guo et al. 2017).

    Both arrays are (words, tags). Only words count that are, or might be, part of an entity: of
    the others there are so many that they would decide alone.
    """
    sure = wanted.sum(1) == 1
    entity = (wanted[:, 0] == 0) | (log_probabilities.argmax(1) > 0)
    scores, gold = log_probabilities[sure & entity], wanted[sure & entity].argmax(1)

    def loss(divisor: float) -> float:
        scaled = scores / divisor
        total = np.log(np.exp(scaled - scaled.max(1, keepdims=True)).sum(1)) + scaled.max(1)
        return float((total - scaled[np.arange(len(gold)), gold]).mean())

    return float(min(np.arange(0.7, 4.0, 0.05), key=loss))


def f1(predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """F1 of each column."""
    right = (predicted & (gold > 0)).sum(0)
    return 2 * right / np.maximum(predicted.sum(0) + gold.sum(0), 1)


def _common_threshold(scores: np.ndarray, gold: np.ndarray, macro: bool) -> float:
    def quality(threshold: float) -> float:
        predicted = scores >= threshold
        return f1(predicted, gold).mean() if macro else f1(predicted.ravel(), gold.ravel())

    return float(max(GRID, key=quality))


def _threshold(scores: np.ndarray, gold: np.ndarray, common: float) -> float:
    curve = np.array([f1(scores >= threshold, gold) for threshold in GRID])
    # The middle of the flat top of the curve moves less from sample to sample than its peak.
    own = GRID[curve >= curve.max() - 0.01].mean()
    count = gold.sum()
    return float((count * own + SHRINK * common) / (count + SHRINK))


def cross_fitted(
    logits: np.ndarray, gold: np.ndarray, categories: list[Category], seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and decisions of each article by a calibration fitted on the other folds."""
    scores, decisions = np.zeros_like(logits), np.zeros(logits.shape, bool)
    folds = np.arange(len(logits)) % FOLDS
    for fold in range(FOLDS):
        inside = folds == fold
        calibration = fit(logits[~inside], gold[~inside], categories, seen)
        scores[inside] = calibration.scores(logits[inside])
        decisions[inside] = scores[inside] >= calibration.threshold
    return scores, decisions


def topic_figures(
    scores: np.ndarray, decisions: np.ndarray, gold: np.ndarray, categories: list[Category]
) -> dict[str, float]:
    """Macro and micro F1 by level, and how often the best-scored topic is a right one."""
    levels = np.array([len(category.path) for category in categories])
    result = {}
    for level, name in ((1, "top"), (2, "second")):
        members = levels == level
        wanted, chosen, score = gold[:, members], decisions[:, members], scores[:, members]
        present = wanted.sum(0) > 0
        some = wanted.sum(1) > 0
        best = wanted[np.arange(len(wanted)), score.argmax(1)]
        result[f"{name}_macro_f1"] = float(f1(chosen, wanted)[present].mean())
        result[f"{name}_micro_f1"] = float(f1(chosen.ravel(), wanted.ravel()))
        result[f"{name}_best_right"] = float(best[some].mean())
        result[f"{name}_calibration_error"] = calibration_error(score.ravel(), wanted.ravel())
        result[f"{name}_per_article"] = float(chosen.sum(1).mean())
    return result


def calibration_error(scores: np.ndarray, gold: np.ndarray) -> float:
    """Mean distance between score and share of right ones, over tenths of scores above 0.05."""
    inside = scores >= 0.05
    scores, gold = scores[inside], gold[inside]
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = [
        abs(scores[bins == i].mean() - gold[bins == i].mean()) * (bins == i).mean()
        for i in np.unique(bins)
    ]
    return float(sum(gaps))
