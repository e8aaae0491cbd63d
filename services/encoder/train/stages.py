"""What a model that ships learns, in three stages: its teachers' opinion twice, then the labels.

A teacher's opinion makes a student steady, and keeps from it what the labels know better. So at the
end the labels count for most, and the opinion holds the model where they say nothing.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lessons import CYBER_SETS, Lessons, swap_name
from sources import SOURCES
from topics import article_batches
from windows import Window, batches, training_windows

BATCH_TOKENS = 4096
WIDTHS = (128, 128, 128, 64, 32)
PLAIN = ("gmb", "articles", "pages", "headlines")
SWAPPED = (*PLAIN, "worldwide", "openings")


@dataclass(frozen=True)
class Stage:
    """One training run of a model.

    `shares` of the sets, `plain` of the texts without labels, `swapped` of the sets whose names are
    replaced (`swaps.py`) and `articles`, by kind, are read an epoch. `trust`, `own_trust` and
    `topic_trust` are the weights of the teachers' opinion beside labels, this project's annotations
    and topics. The rates fall to the share `floor` of themselves. `held` is how much of the weights
    before is kept (Wortsman et al. 2022, WiSE-FT).
    """

    name: str
    encoder_rate: float
    head_rate: float
    trust: float
    own_trust: float
    topic_trust: float
    plain: float
    shares: Mapping[str, float]
    swapped: Mapping[str, float]
    articles: Mapping[str, float]
    floor: float = 0.0
    held: float = 0.0

    def trusts(self, rounds: int) -> dict[str, float]:
        """The weight of the teachers' opinion, by annotated set.

        Those of cyber attacks are there again, with names replaced so many times.
        """
        sets = [source.name for source in SOURCES]
        sets += [swap_name(name, number) for name in CYBER_SETS for number in range(rounds)]
        return dict.fromkeys(sets, self.trust) | {"openings": self.own_trust}


OPINION = Stage(
    name="opinion",
    encoder_rate=3e-4,
    head_rate=1e-3,
    trust=0.5,
    own_trust=0.5,
    topic_trust=0.5,
    plain=0.3,
    shares={source.name: source.share for source in SOURCES},
    swapped=dict.fromkeys(PLAIN, 0.3)
    | {"worldwide": 0.6, "openings": 0.6, "cyber_news": 1.0}
    | {"annoctr": 0.7, "cyner": 0.4, "ladder": 0.4, "aptner": 0.2},
    articles={"labelled": 1.0, "unlabelled": 0.25, "sections": 0.25},
)
# The same, before the encoder loses a part of its inner neurons (`narrow.py`).
WIDE = replace(OPINION, name="wide", floor=0.4)
LABELS = Stage(
    name="labels",
    encoder_rate=1.4e-4,
    head_rate=5e-4,
    trust=0.3,
    own_trust=0.2,
    topic_trust=0.15,
    plain=0.08,
    shares={source.name: source.share / 2 for source in SOURCES}
    | {"worldwide": 1.3, "openings": 1.5},
    swapped={"articles": 0.08, "worldwide": 0.3, "openings": 0.3, "cyber_news": 0.7}
    | {"annoctr": 1.0, "cyner": 0.3, "ladder": 0.3, "aptner": 0.1},
    articles={"labelled": 0.8},
    held=0.5,
)


def steps_of(lessons: Lessons, stage: Stage, epochs: int, rng: random.Random) -> list[list]:
    """The batches of all epochs."""
    shares = stage.shares | dict.fromkeys(PLAIN, stage.plain)
    steps: list[list] = []
    for number in range(epochs):
        swapped = {
            swap_name(name, number % lessons.rounds): share for name, share in stage.swapped.items()
        }
        windows: list[Window] = [
            window
            for name, share in (shares | swapped).items()
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
