"""A load that comes and goes, made of the sample articles with small changes, and some poison."""

import json
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CYBER = ("spun_harbour", "gilded_heron", "hollowtide", "crypto_arrests")
# Nothing is found in it.
BRIEF = "Corrections will be published here as they come in."
POISON = [
    '{"id": "cut off", "text": "The min',
    '{"id": "empty", "url": "https://courier.example/"}',
]


@dataclass(frozen=True)
class Phase:
    """How much comes for how long, and what."""

    seconds: float
    # In relation to what the workers manage.
    load: float
    poison: float = 0.0
    # Share of articles about cyber crime.
    cyber: float = 0.3
    restart: bool = False


# Calm, busy, far too much, then calm while what waits is done; a scraper that sends rubbish; a
# worker that is changed for another.
PHASES = [
    Phase(130, 0.3),
    Phase(80, 0.55, poison=0.003),
    Phase(50, 3.2),
    Phase(190, 0.25, poison=0.003),
    Phase(60, 0.4, poison=0.06, cyber=0.8),
    Phase(60, 0.5, cyber=0.8, restart=True),
    Phase(85, 0.3, poison=0.003),
]


class Articles:
    """Lines for `copydesk feed`, each an article of its own."""

    def __init__(self, samples: Path) -> None:
        self.random = random.Random(1)
        self.count = 0
        bodies = [(path.stem, body(path)) for path in sorted(samples.iterdir())]
        self.cyber = [body for name, body in bodies if name.endswith(CYBER)]
        self.other = [body for name, body in bodies if not name.endswith(CYBER)]

    def line(self, phase: Phase) -> str:
        """The next article, or what a broken scraper sends in place of one."""
        if self.random.random() < phase.poison:
            return self.random.choice(POISON)
        self.count += 1
        return json.dumps(
            {"id": f"article-{self.count}", "source": "courier.example", **self.body(phase)}
        )

    def body(self, phase: Phase) -> dict[str, str]:
        """A sample: as it is, without a paragraph and with other figures, or next to nothing."""
        chance = self.random.random()
        if chance < 0.02:
            return {"text": BRIEF}
        samples = self.cyber if self.random.random() < phase.cyber else self.other
        body = self.random.choice(samples)
        if chance < 0.3 or "html" in body:
            return body
        paragraphs = body["text"].split("\n\n")
        if len(paragraphs) > 3:
            del paragraphs[self.random.randrange(1, len(paragraphs))]
        return {
            "text": re.sub(r"\d", lambda _: str(self.random.randrange(10)), "\n\n".join(paragraphs))
        }


def body(path: Path) -> dict[str, str]:
    """What a sample consists of, by the names of a raw article."""
    text = path.read_text()
    if path.suffix == ".json":
        return {
            name: value for name, value in json.loads(text).items() if name in ("title", "text")
        }
    return {"html" if path.suffix == ".html" else "text": text}


def ticks(seconds: float, rate: float) -> Iterator[int]:
    """How many articles are due, several times a second for so long; late ones are made up for."""
    begin, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begin) < seconds:
        due = round(passed * rate) - sent
        yield due
        sent += due
        time.sleep(0.1)
