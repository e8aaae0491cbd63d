"""What the tests read: a few sentences of news, and models of random weights."""

import contextlib
import io
import random
from pathlib import Path

import torch

from annotated import Annotated, Entity
from data import Sentence, encode
from model import Model, student
from sources import SOURCES
from text import load_tokenizer
from windows import Window, batches, build

TOKENIZER = load_tokenizer(Path(__file__).parents[2] / "models" / "tokenizer.json")
OWN = next(source for source in SOURCES if source.name == "openings")
TOPICS = 5

TEXTS = {
    "Acme Corp. said on Monday that Jane O'Neill would lead its office in Lagos.": {
        "Acme Corp.": "ORG",
        "Monday": "DATE",
        "Jane O'Neill": "PERSON",
        "Lagos": "LOC",
    },
    "“We have not paid a cent,” the mayor of Port Harcourt told reporters.": {
        "Port Harcourt": "LOC",
    },
    "RANSOMWARE GANG HITS CITY HALL": {},
    "The gang, known as Velvet Jackal, spread the ShadowVault malware by e-mail.": {
        "Velvet Jackal": "THREAT_ACTOR",
        "ShadowVault": "MALWARE",
    },
    "Shares fell 3.5% to $12.40 after the U.S. regulator's report.": {
        "$12.40": "MONEY",
        "U.S.": "LOC",
    },
    "O'Neill, 47, joined the company in 2011.": {"O'Neill": "PERSON", "2011": "DATE"},
}


def annotated(document: str = "a#text") -> list[Annotated]:
    """The sentences with their entities."""
    rows = []
    for text, names in TEXTS.items():
        places = {name: text.index(name) for name in names}
        entities = [Entity(at, at + len(name), names[name]) for name, at in places.items()]
        rows.append(Annotated(text, entities, document))
    return rows


def sentences(document: str = "a#text") -> list[Sentence]:
    """The sentences as a model reads them."""
    return encode(annotated(document), OWN, TOKENIZER)


def windows() -> list[Window]:
    """A window of each sentence, and one of all of them."""
    rows = sentences()
    return [
        *(build([row.words], [row.wanted]) for row in rows),
        build([row.words for row in rows], [row.wanted for row in rows]),
    ]


def window_batches() -> list[list[Window]]:
    """Batches of those windows, most of them with padding."""
    return batches(windows(), 128, random.Random(1))


def quiet() -> contextlib.ExitStack:
    """Keeps progress bars and lines of figures out of the tests' output."""
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


def random_student(seed: int, **sizes) -> Model:
    """A student of random weights that does not drop any."""
    torch.manual_seed(seed)
    return student(TOPICS, **sizes).eval()
