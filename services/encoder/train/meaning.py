"""Vectors of meaning: what lets a topic be found by its description, without training.

The teacher's base is a sentence encoder: texts about the same thing have near vectors. The
student's head `meaning` learns the principal components of those vectors, so that an article
and the description of a topic can be compared. How near an article is to a description is
counted in standard deviations over ordinary news: without the mean all news is near.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from calibrate import fit_logistic
from device import autocast, tensor
from keep import keep
from model import COMPONENTS, Model
from predict import article_vectors
from text import Words
from topics import OPENING, shortened


def read(encoder: Callable[[], Model], texts: list[list[Words]], cache: Path) -> np.ndarray:
    """The vectors that a sentence encoder makes of the texts, centred and of unit length."""
    path = cache / "meaning.npy"
    keep(path, lambda: vectors_of(encoder(), texts))
    vectors = unit(np.load(path))
    return unit(vectors - vectors.mean(0))


def vectors_of(encoder: Model, texts: list[list[Words]]) -> np.ndarray:
    """The vector of each text's opening."""
    openings = [shortened(sentences, OPENING) for sentences in texts]
    with autocast():
        return article_vectors(encoder, openings, "meaning")


def components(vectors: np.ndarray) -> np.ndarray:
    """The first `COMPONENTS` principal components of centred vectors, of unit length."""
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    return unit(vectors @ axes[:, ::-1][:, :COMPONENTS])


def unit(vectors: np.ndarray) -> np.ndarray:
    """The rows at length one."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-6)


@dataclass
class Descriptions:
    """What turns nearness to a description into a score: `sigmoid(scale * nearness + shift)`.

    `spread` is the variance of each component over the news.
    """

    spread: np.ndarray
    scale: float
    shift: float


@torch.inference_mode()
def meanings(model: Model, texts: list[list[Words]]) -> np.ndarray:
    """The student's vectors of meaning, of unit length."""
    vectors = tensor(article_vectors(model, texts))
    return functional.normalize(model.meaning(vectors).float(), dim=1).numpy(force=True)


def fit_descriptions(
    articles: np.ndarray, descriptions: np.ndarray, gold: np.ndarray, spread: np.ndarray
) -> tuple[Descriptions, dict[str, float]]:
    """Fits scores to labelled articles, as if each Media Topic were known by its text alone.

    `spread` is the variance of each component over the news.

    Returns with them how often a right topic is nearest, and the mean over topics of the
    probability that an article with the topic is nearer than one without (area under the curve).
    """
    near = nearness(articles, descriptions, spread)
    scale, shift = fit_logistic(near.ravel(), gold.ravel())
    areas = [
        np.mean(near[right, i][:, None] > near[~right, i][None, :])
        for i, right in enumerate((gold > 0).T)
        if 2 < right.sum() < len(right)
    ]
    best = gold[np.arange(len(gold)), near.argmax(1)][gold.sum(1) > 0]
    figures = {"described_area": float(np.mean(areas)), "described_best_right": float(best.mean())}
    return Descriptions(spread, scale, shift), figures


def nearness(articles: np.ndarray, descriptions: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """How near each article is to each description, in standard deviations over the news.

    `articles` (n, c) and `descriptions` (m, c) are unit vectors, `spread` (c,) the variance of
    each component over the news. The result is (n, m).
    """
    deviation = np.sqrt((descriptions**2) @ spread)
    return articles @ descriptions.T / deviation
