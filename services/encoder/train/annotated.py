"""Texts with their entities, before they are words."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sentences import split_sentences


@dataclass(frozen=True)
class Entity:
    """A labelled range of characters."""

    start: int
    end: int
    label: str


@dataclass
class Annotated:
    """A sentence with its entities, in its set's own labels."""

    text: str
    entities: list[Entity]
    document: str


def held_out(identifier: str, share: float) -> bool:
    """Whether an article belongs to the dev part; fixed by its id for ever."""
    digest = hashlib.sha256(identifier.encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a gzipped text."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def cut_article(text: str, entities: list[Entity], document: str) -> Iterator[Annotated]:
    """The sentences of an article with their entities, which no sentence ends in."""
    ranges: list[tuple[int, int]] = []
    for start, end in split_sentences(text):
        if ranges and any(entity.start < start < entity.end for entity in entities):
            start = ranges.pop()[0]
        ranges.append((start, end))
    for start, end in ranges:
        inside = [
            Entity(entity.start - start, entity.end - start, entity.label)
            for entity in entities
            if start <= entity.start and entity.end <= end
        ]
        yield Annotated(text[start:end], inside, document)
