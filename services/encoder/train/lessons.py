"""What the student learns from: the labels, and beside them the teacher's opinion of every text."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from calibrate import sigmoid
from data import Sentence
from meaning import Meaning
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


def ask(teacher: Model, lessons: Lessons, cache: Path) -> Lessons:
    """Mixes the teacher's tags and topics into the lessons, and keeps its answers."""
    path = cache / "opinions.npz"
    if not path.exists():
        with torch.autocast("cpu", torch.bfloat16):
            tags = [tag_scores(teacher, rows, name) for name, rows in lessons.sentences.items()]
            topics = [_scores(teacher, group, name) for name, group in lessons.articles.items()]
        tags = np.exp(np.concatenate([row for rows in tags for row in rows])).astype(np.float16)
        np.savez(path, tags=tags, topics=np.concatenate(topics))
    opinions = np.load(path)
    tags, topics = iter_rows(opinions["tags"]), iter(opinions["topics"])
    return Lessons(
        {
            name: [replace(row, wanted=wanted(row.wanted, tags(len(row.words)))) for row in rows]
            for name, rows in lessons.sentences.items()
        },
        {
            name: [instructed(article, next(topics)) for article in group]
            for name, group in lessons.articles.items()
        },
    )


def iter_rows(table: np.ndarray):
    """A function that takes the next so many rows off a table."""
    taken = 0

    def take(count: int) -> np.ndarray:
        nonlocal taken
        taken += count
        return table[taken - count : taken]

    return take


def wanted(allowed: np.ndarray, opinion: np.ndarray) -> np.ndarray:
    """Probabilities of each word's tags: the teacher's, and the teacher's among those allowed.

    Both are (words, tags). Where all tags are allowed the teacher's opinion stands as it is.
    """
    result = np.zeros_like(opinion)
    for columns in (NEWS, CYBER):
        free = opinion[:, columns].astype(np.float32)
        inside = (free + 1e-4) * allowed[:, columns]
        inside /= inside.sum(1, keepdims=True)
        result[:, columns] = TRUST * free + (1 - TRUST) * inside
    return result


def instructed(article: Article, opinion: np.ndarray) -> Article:
    """An article with the teacher's scores mixed into what is known of its topics."""
    known = article.weight * (1 - TRUST)
    target = known * article.target + (1 - known) * opinion
    return replace(article, target=target, weight=np.ones_like(target))


def _scores(teacher: Model, articles: list[Article], name: str) -> np.ndarray:
    openings = [shortened(article.sentences, OPENING) for article in articles]
    vectors = torch.from_numpy(article_vectors(teacher, openings, name))
    with torch.inference_mode():
        return sigmoid(teacher.topics(vectors).float().numpy()).astype(np.float32)


def explain(lessons: Lessons, meaning: Meaning) -> Lessons:
    """Adds to each article the vector that its meaning should have."""
    vectors = iter(meaning.articles)
    return replace(
        lessons,
        articles={
            name: [replace(article, meaning=next(vectors)) for article in group]
            for name, group in lessons.articles.items()
        },
    )
