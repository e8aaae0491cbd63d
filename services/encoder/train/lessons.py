"""What the student learns from: the labels, and beside them the teacher's opinion of every text."""

from collections.abc import Callable
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
    """Mixes the teacher's tags and topics into the lessons; its answers are kept, set by set."""
    with torch.autocast("cpu", torch.bfloat16):
        return Lessons(
            {
                name: tagged(rows, kept(cache / f"tags-{name}.npy", _tags, teacher, rows))
                for name, rows in lessons.sentences.items()
            },
            {
                name: advised(group, kept(cache / f"topics-{name}.npy", _topics, teacher, group))
                for name, group in lessons.articles.items()
            },
        )


def kept(path: Path, read: Callable, teacher: Model, rows: list) -> np.ndarray:
    """What a teacher says of the rows, from the file if it has been asked before."""
    if not path.exists():
        unfinished = path.with_suffix(".new.npy")
        np.save(unfinished, read(teacher, rows, path.stem))
        unfinished.replace(path)
    return np.load(path)


def tagged(sentences: list[Sentence], opinions: np.ndarray) -> list[Sentence]:
    """The sentences with the probabilities wanted; `opinions` has a row for each of their words."""
    ends = np.cumsum([len(sentence.words) for sentence in sentences])
    parts = np.split(opinions, ends[:-1])
    return [
        replace(sentence, wanted=wanted(sentence.wanted, part))
        for sentence, part in zip(sentences, parts, strict=True)
    ]


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


def advised(articles: list[Article], opinions: np.ndarray) -> list[Article]:
    """The articles with the teacher's scores mixed into what is known of their topics."""
    result = []
    for article, opinion in zip(articles, opinions, strict=True):
        known = article.weight * (1 - TRUST)
        target = known * article.target + (1 - known) * opinion
        result.append(replace(article, target=target, weight=np.ones_like(target)))
    return result


def _tags(teacher: Model, sentences: list[Sentence], name: str) -> np.ndarray:
    return np.exp(np.concatenate(tag_scores(teacher, sentences, name))).astype(np.float16)


def _topics(teacher: Model, articles: list[Article], name: str) -> np.ndarray:
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
