"""What a model that ships learns, in two stages: first its teachers' opinion, then the labels.

A teacher's opinion makes a student steady, and keeps from it what the labels know better. So at the
end the labels count for most, and the opinion holds the model where they say nothing.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from lessons import Lessons
from sources import SOURCES
from topics import article_batches
from windows import Window, batches, training_windows

BATCH_TOKENS = 4096
WIDTHS = (128, 128, 128, 64, 32)
PLAIN = ("gmb", "articles", "pages", "headlines")


@dataclass(frozen=True)
class Stage:
    """One training run of a model.

    `shares` of the sets, `plain` of the texts without labels and `articles`, by kind, are read an
    epoch. `trust`, `own_trust` and `topic_trust` are the weights of the teachers' opinion beside
    labels, this project's annotations and topics. `held` is how much of the weights before is kept
    (Wortsman et al. 2022, WiSE-FT).
    """

    name: str
    encoder_rate: float
    head_rate: float
    trust: float
    own_trust: float
    topic_trust: float
    plain: float
    shares: Mapping[str, float]
    articles: Mapping[str, float]
    held: float = 0.0

    def trusts(self) -> dict[str, float]:
        """The weight of the teachers' opinion, by annotated set."""
        return {source.name: self.trust for source in SOURCES} | {"openings": self.own_trust}


OPINION = Stage(
    name="opinion",
    encoder_rate=3e-4,
    head_rate=1e-3,
    trust=0.5,
    own_trust=0.5,
    topic_trust=0.5,
    plain=0.45,
    shares={source.name: source.share for source in SOURCES},
    articles={"labelled": 1.0, "unlabelled": 0.25, "sections": 0.25},
)
LABELS = Stage(
    name="labels",
    encoder_rate=1.4e-4,
    head_rate=5e-4,
    trust=0.3,
    own_trust=0.2,
    topic_trust=0.15,
    plain=0.12,
    shares={source.name: source.share / 2 for source in SOURCES}
    | {"worldwide": 1.3, "openings": 1.5},
    articles={"labelled": 0.8},
    held=0.5,
)


def steps_of(lessons: Lessons, stage: Stage, epochs: int, rng: random.Random) -> list[list]:
    """The batches of all epochs."""
    shares = stage.shares | dict.fromkeys(PLAIN, stage.plain)
    steps: list[list] = []
    for _ in range(epochs):
        windows: list[Window] = [
            window
            for name, share in shares.items()
            for window in training_windows(lessons.sentences[name], share, WIDTHS, rng)
        ]
        articles = [
            article
            for kind, share in stage.articles.items()
            for article in rng.sample(
                lessons.articles[kind], int(len(lessons.articles[kind]) * share)
            )
        ]
        epoch = batches(windows, BATCH_TOKENS, rng) + article_batches(articles, BATCH_TOKENS, rng)
        rng.shuffle(epoch)
        steps += epoch
    return steps
