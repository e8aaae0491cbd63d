"""What the models learn from: the labels, and beside them the teachers' opinion of every text."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from calibrate import sigmoid
from data import Sentence, unlabelled
from device import autocast, tensor
from keep import keep
from model import Model
from predict import article_vectors, tag_scores
from sources import CYBER, NEWS, SOURCES
from swaps import found_by, labelled, swaps
from topics import OPENING, Article, shortened

# The sets that name attackers and their tools, but for this project's, where they are few.
CYBER_SETS = [source.name for source in SOURCES if source.cyber and source.name != "openings"]
# A teacher knows few names of attackers and their tools: it is hardly trusted against labels.
CYBER_TRUST = 0.2

# What stands in news of cyber attacks. Where a text has none of it, no word names an attacker.
CYBER_WORDS = re.compile(
    r"\b(malware|ransom|hack|cyber|virus|worm|trojan|phish|botnet|breach|exploit|spyware|backdoor"
    "|attacker)"
)


@dataclass
class Lessons:
    """Sentences by set, with the probability wanted of each tag, and articles by kind.

    Sets whose names were replaced are there so many `rounds` times, as `swap_name` calls them.
    """

    sentences: dict[str, list[Sentence]]
    articles: dict[str, list[Article]]
    rounds: int = 0


def swap_name(name: str, number: int) -> str:
    """What a set is called once its names have been replaced for the so many-th time."""
    return f"{name}-swapped-{number}"


@dataclass
class Opinions:
    """What the teachers say of all texts.

    By set, the probabilities of all words' tags, (words, tags); by kind of article, the scores of
    the topics, (articles, topics), and what the vector of the meaning should be.
    """

    tags: dict[str, np.ndarray]
    topics: dict[str, np.ndarray]
    meanings: dict[str, np.ndarray]


def ask(teacher: Model, texts: Lessons, folder: Path) -> None:
    """Keeps in the folder what a teacher says of all texts; what is there is not asked again."""
    folder.mkdir(parents=True, exist_ok=True)
    with autocast():
        for name, rows in texts.sentences.items():
            title = f"tags-{name}"
            keep(folder / f"{title}.npy", partial(_tags, teacher, rows, title))
        for name, group in texts.articles.items():
            title = f"topics-{name}"
            keep(folder / f"{title}.npy", partial(_topics, teacher, group, title))


def mean(folders: list[Path], kind: str, name: str) -> np.ndarray:
    """The mean of what the teachers said of a set."""
    return np.mean([np.load(folder / f"{kind}-{name}.npy") for folder in folders], 0, np.float32)


def mix(
    texts: Lessons,
    opinions: Opinions,
    tokenizer: Tokenizer,
    trust: dict[str, float],
    topic_trust: float,
) -> Lessons:
    """The texts with labels and opinions mixed into what is wanted of them.

    `trust`, by set, and `topic_trust` are the weight of an opinion where it differs from a label.
    """
    sentences = {
        name: tagged(rows, opinions.tags[name], trust.get(name, 1.0))
        for name, rows in texts.sentences.items()
    }
    for name in sentences:
        if name not in trust:
            without_cyber(sentences[name], tokenizer)
    articles = {
        name: advised(group, opinions.topics[name], opinions.meanings[name], topic_trust)
        for name, group in texts.articles.items()
    }
    return Lessons(sentences, articles, texts.rounds)


def swapped(texts: Lessons, names: Iterable[str], rounds: int, folder: Path) -> Lessons:
    """The sets with other names, by what the teacher of the folder found, see `swaps.py`.

    With them come those of cyber attacks, whose names are those of their labels.
    """
    read = {
        name: [unlabelled(row.words, row.document) for row in texts.sentences[name]]
        for name in names
    }
    found = {name: found_by(mean([folder], "tags", name), rows) for name, rows in read.items()}
    attacks = {name: texts.sentences[name] for name in CYBER_SETS}
    named = {name: labelled(rows) for name, rows in attacks.items()}
    sentences = {}
    for number in range(rounds):
        rng = random.Random(number)
        others = swaps(read, found, rng) | swaps(attacks, named, rng)
        sentences |= {swap_name(name, number): rows for name, rows in others.items()}
    return Lessons(sentences, {}, rounds)


def tagged(sentences: list[Sentence], opinions: np.ndarray, trust: float) -> list[Sentence]:
    """The sentences with the probabilities wanted; `opinions` has a row for each of their words."""
    ends = np.cumsum([len(sentence.words) for sentence in sentences])
    parts = np.split(opinions, ends[:-1])
    return [
        replace(sentence, wanted=wanted(sentence.wanted, part, trust))
        for sentence, part in zip(sentences, parts, strict=True)
    ]


def wanted(allowed: np.ndarray, opinion: np.ndarray, trust: float) -> np.ndarray:
    """Probabilities of each word's tags: the teachers', and the teachers' among those allowed.

    Both are (words, tags). Where all tags are allowed the opinion stands as it is.
    """
    result = np.zeros(opinion.shape, np.float16)
    for columns, weight in ((NEWS, trust), (CYBER, min(trust, CYBER_TRUST))):
        free = opinion[:, columns].astype(np.float32)
        inside = (free + 1e-4) * allowed[:, columns]
        inside /= inside.sum(1, keepdims=True)
        result[:, columns] = weight * free + (1 - weight) * inside
    return result


def without_cyber(rows: list[Sentence], tokenizer: Tokenizer) -> None:
    """Says of texts that do not speak of cyber attacks that they name no attacker or malware."""
    spoken = attacked(rows, tokenizer)
    for row in rows:
        if row.document not in spoken:
            row.wanted[:, CYBER] = 0
            row.wanted[:, CYBER.start] = 1


def attacked(rows: list[Sentence], tokenizer: Tokenizer) -> set[str]:
    """The documents that speak of cyber attacks."""
    texts = tokenizer.decode_batch([row.words.ids.tolist() for row in rows])
    return {row.document for row, text in zip(rows, texts, strict=True) if CYBER_WORDS.search(text)}


def advised(
    articles: list[Article], scores: np.ndarray, meanings: np.ndarray, trust: float
) -> list[Article]:
    """The articles with an opinion's scores mixed into what is known of their topics."""
    result = []
    for article, opinion, meaning in zip(articles, scores, meanings, strict=True):
        known = article.weight * (1 - trust)
        target = (known * article.target + (1 - known) * opinion).astype(np.float32)
        weight = np.ones_like(target)
        result.append(replace(article, target=target, weight=weight, meaning=meaning))
    return result


def both(logits: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Scores of topics, of the teachers' logits and of the other opinion's (`prototypes.py`)."""
    return sigmoid((logits + prior) / 2)


def _tags(teacher: Model, sentences: list[Sentence], name: str) -> np.ndarray:
    return np.exp(np.concatenate(tag_scores(teacher, sentences, name))).astype(np.float16)


def _topics(teacher: Model, articles: list[Article], name: str) -> np.ndarray:
    openings = [shortened(article.sentences, OPENING) for article in articles]
    vectors = tensor(article_vectors(teacher, openings, name))
    with torch.inference_mode():
        return teacher.topics(vectors).float().numpy(force=True)
