"""The last lessons: a trained model learns on from the labels, and is its own teacher beside them.

A teacher's opinion makes a student steady, and keeps from it what the labels know better. So at the
end the labels count for most, and what the model itself said before holds it where they say nothing
(born-again networks, Furlanello et al. 2018). The fast model learns the same lessons by some of the
layers of the accurate one.
"""

import random
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from calibrate import sigmoid
from corpus import Corpus, words_of
from data import Sentence
from lessons import Lessons, kept, tagged, tags_of
from model import Model
from predict import article_vectors
from sources import CYBER, SOURCES
from topics import article_batches
from windows import batches, training_windows

BATCH_TOKENS = 2048
WIDTHS = (128, 128, 128, 64, 32)
OWN_TRUST = 0.2  # weight of the model's opinion beside this project's annotations
TOPIC_TRUST = 0.15
TOPIC_SHARE = 0.8  # of the labelled articles, an epoch
OTHERS = 0.5  # of each other set's share
PLAIN_PART = 3  # one in so many documents without labels is read

# Word pieces that stand in news of cyber attacks. Where a text has none, no word names an attacker.
CYBER_PIECES = re.compile(
    "malware|ransom|hack|cyber|virus|worm|trojan|phish|botnet|breach|exploit|spyware|backdoor"
    "|attacker"
)


@dataclass(frozen=True)
class Plan:
    """How a model is finished: `shares` of the sets, and of the plain texts, are read an epoch."""

    name: str
    epochs: int
    encoder_rate: float
    head_rate: float
    trust: float
    plain: float
    shares: Mapping[str, float]
    held: float = 0.0  # how much of the weights before is kept (Wortsman et al. 2022, WiSE-FT)
    layers: tuple[int, ...] = ()
    caution: float = 0.0  # see `train.temper`


ACCURATE = Plan(
    name="finish",
    epochs=2,
    encoder_rate=1e-4,
    head_rate=5e-4,
    trust=0.3,
    plain=0.36,
    shares={"worldwide": 1.3, "openings": 1.5},
    held=0.5,
    caution=0.25,
)
FAST = Plan(
    name="fast",
    epochs=3,
    encoder_rate=3e-4,
    head_rate=1e-3,
    trust=0.5,
    plain=1.0,
    shares={"worldwide": 2.0, "openings": 1.5},
    layers=(0, 2, 5),
)


def lessons_of(model: Model, corpus: Corpus, plan: Plan, cache: Path) -> Lessons:
    """What the model says of all texts, mixed with the labels."""
    plain = {"gmb": corpus.plain, "articles": words_of(corpus.unlabelled)}
    plain = {name: some_documents(rows) for name, rows in plain.items()}
    sentences = {}
    with torch.autocast("cpu", torch.bfloat16):
        for name, rows in (corpus.sentences | plain).items():
            trust = 1.0 if name in plain else OWN_TRUST if name == "openings" else plan.trust
            opinions = kept(cache / f"own-{name}.npy", tags_of, model, rows)
            sentences[name] = tagged(rows, opinions, trust)
        vectors = kept(cache / "own-vectors.npy", _vectors, model, corpus.articles)
    for name in plain:
        without_cyber(sentences[name], corpus)
    return Lessons(sentences, {"labelled": _advised(model, corpus, torch.from_numpy(vectors))})


def some_documents(rows: list[Sentence]) -> list[Sentence]:
    """One in `PLAIN_PART` of the documents, the same at any time."""
    return [row for row in rows if zlib.crc32(row.document.encode()) % PLAIN_PART == 0]


def without_cyber(rows: list[Sentence], corpus: Corpus) -> None:
    """Says of texts that do not speak of cyber attacks that they name no attacker or malware."""
    pieces = corpus.tokenizer.get_vocab()
    cyber = {number for piece, number in pieces.items() if CYBER_PIECES.match(piece)}
    attacked = {row.document for row in rows if cyber.intersection(row.words.ids.tolist())}
    for row in rows:
        if row.document not in attacked:
            row.wanted[:, CYBER] = 0
            row.wanted[:, CYBER.start] = 1


def steps_of(lessons: Lessons, plan: Plan, seed: int) -> list[list]:
    """The batches of all epochs."""
    rng = random.Random(seed)
    shares = {source.name: source.share * OTHERS for source in SOURCES} | plan.shares
    shares |= {"gmb": plan.plain, "articles": plan.plain}
    articles = lessons.articles["labelled"]
    steps: list[list] = []
    for _ in range(plan.epochs):
        windows = [
            window
            for name, share in shares.items()
            for window in training_windows(lessons.sentences[name], share, WIDTHS, rng)
        ]
        chosen = rng.sample(articles, int(len(articles) * TOPIC_SHARE))
        epoch = batches(windows, BATCH_TOKENS, rng) + article_batches(chosen, BATCH_TOKENS, rng)
        rng.shuffle(epoch)
        steps += epoch
    return steps


def _vectors(model: Model, articles: list, name: str) -> np.ndarray:
    return article_vectors(model, [article.sentences for article in articles], name)


@torch.inference_mode()
def _advised(model: Model, corpus: Corpus, vectors: torch.Tensor) -> list:
    """The labelled articles with what the model says of their topics, and of their meaning."""
    scores = sigmoid(model.topics(vectors).double().numpy())
    meanings = functional.normalize(model.meaning(vectors), dim=1).numpy()
    result = []
    for article, opinion, meaning in zip(corpus.articles, scores, meanings, strict=True):
        target = (1 - TOPIC_TRUST) * article.target + TOPIC_TRUST * opinion
        weight = np.ones_like(article.weight)
        result.append(
            replace(article, target=target.astype(np.float32), weight=weight, meaning=meaning)
        )
    return result
