"""What the student learns from: the labels, and beside them the teacher's opinion of every text."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from calibrate import sigmoid
from data import Sentence
from model import Model
from predict import article_vectors, tag_scores
from sources import CYBER, NEWS
from topics import Article, shortened

TRUST = 0.5  # weight of the teacher's opinion where it differs from a label
OPENING = 254  # tokens of an article that the teacher reads for its topics: one window


@dataclass
class Lessons:
    """Sentences by set, with the probability wanted of each tag, and articles by kind."""

    sentences: dict[str, list[Sentence]]
    articles: dict[str, list[Article]]


def ask(teacher: Model, lessons: Lessons, prior: dict[str, np.ndarray], cache: Path) -> Lessons:
    """Mixes the teacher's tags and topics into the lessons; its answers are kept, set by set.

    `prior` has the other opinion on the topics, by kind of article (see `prototypes.py`).
    """
    with torch.autocast("cpu", torch.bfloat16):
        return Lessons(
            {
                name: tagged(rows, kept(cache / f"tags-{name}.npy", tags_of, teacher, rows))
                for name, rows in lessons.sentences.items()
            },
            {
                name: advised(
                    group,
                    kept(cache / f"topics-{name}.npy", _topics, teacher, group),
                    prior[name],
                )
                for name, group in lessons.articles.items()
            },
        )


def kept(path: Path, read: Callable, teacher: Model, rows: list) -> np.ndarray:
    """What a teacher says of the rows, from the file if it has been asked before."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new.npy")
        np.save(unfinished, read(teacher, rows, path.stem))
        unfinished.replace(path)
    return np.load(path)


def tagged(sentences: list[Sentence], opinions: np.ndarray, trust: float = TRUST) -> list[Sentence]:
    """The sentences with the probabilities wanted; `opinions` has a row for each of their words."""
    ends = np.cumsum([len(sentence.words) for sentence in sentences])
    parts = np.split(opinions, ends[:-1])
    return [
        replace(sentence, wanted=wanted(sentence.wanted, part, trust))
        for sentence, part in zip(sentences, parts, strict=True)
    ]


def wanted(allowed: np.ndarray, opinion: np.ndarray, trust: float = TRUST) -> np.ndarray:
    """Probabilities of each word's tags: the teacher's, and the teacher's among those allowed.

    Both are (words, tags). Where all tags are allowed the teacher's opinion stands as it is.
    """
    result = np.zeros_like(opinion)
    for columns in (NEWS, CYBER):
        free = opinion[:, columns].astype(np.float32)
        inside = (free + 1e-4) * allowed[:, columns]
        inside /= inside.sum(1, keepdims=True)
        result[:, columns] = trust * free + (1 - trust) * inside
    return result


def advised(articles: list[Article], logits: np.ndarray, prior: np.ndarray) -> list[Article]:
    """The articles with both opinions' scores mixed into what is known of their topics."""
    result = []
    for article, opinion in zip(articles, sigmoid((logits + prior) / 2), strict=True):
        known = article.weight * (1 - TRUST)
        target = known * article.target + (1 - known) * opinion
        weight = np.ones_like(target, np.float32)
        result.append(replace(article, target=target.astype(np.float32), weight=weight))
    return result


def tags_of(teacher: Model, sentences: list[Sentence], name: str) -> np.ndarray:
    """The probabilities of all words' tags, shape (words, tags)."""
    return np.exp(np.concatenate(tag_scores(teacher, sentences, name))).astype(np.float16)


def _topics(teacher: Model, articles: list[Article], name: str) -> np.ndarray:
    openings = [shortened(article.sentences, OPENING) for article in articles]
    vectors = torch.from_numpy(article_vectors(teacher, openings, name))
    with torch.inference_mode():
        return teacher.topics(vectors).float().numpy()


def explain(lessons: Lessons, meanings: dict[str, np.ndarray]) -> Lessons:
    """Adds to each article the vector that its meaning should have, given by kind."""
    return replace(
        lessons,
        articles={
            name: [
                replace(article, meaning=vector)
                for article, vector in zip(group, meanings[name], strict=True)
            ]
            for name, group in lessons.articles.items()
        },
    )
