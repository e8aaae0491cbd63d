"""Reads the annotated sets and the plain texts, and aligns entities to words."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from annotated import Annotated, Entity, cut_article, held_out, read_lines
from annotations import read_entities
from sources import CYBER, CYBER_TAGS, NEWS, NEWS_TAGS, SOURCES, TAGS, Labels, Source
from text import Words, split_words

# The dev sets that figures are reported on: none of their sentences may be trained on.
MEASURED = ("worldwide", "uner_ewt", "cyner", "annoctr")
ORDINARY = 200  # articles in which cyber names are counted
# Tokens that stand behind others without a space, as `tests/src/gold/document.rs` writes them.
ATTACHED = frozenset([",", ".", ";", ":", "!", "?", ")", "%", "'s", "’s"])


@dataclass
class Sentence:
    """A sentence as the model sees it.

    `wanted` has a row for each word and a column for each tag of the news head and then of the
    cyber head: 1 for the tags allowed, or, once the teacher has read it, their probabilities.
    """

    words: Words
    wanted: np.ndarray
    document: str


def read_set(root: Path, name: str, split: str) -> list[Annotated]:
    """The sentences of a set's `train` or `dev` part."""
    if name == "openings":
        return list(read_entities(root))
    if name == "cyber_news":
        texts = _read_cyber_news(root / "ner" / name / "train.jsonl.gz", split)
        return [
            row for text in texts for row in cut_article(text.text, text.entities, text.document)
        ]
    return list(_read_tsv(root / "ner" / name / f"{split}.tsv.gz"))


def read_whole(root: Path, name: str) -> list[Annotated]:
    """The titles and texts of a set's `dev` part; where it has sentences alone, each is a line."""
    if name == "cyber_news":
        return list(_read_cyber_news(root / "ner" / name / "train.jsonl.gz", "dev"))
    rows = read_set(root, name, "dev")
    return [_lines(list(group)) for _, group in groupby(rows, lambda row: row.document)]


def _lines(rows: list[Annotated]) -> Annotated:
    text, entities = "", []
    for row in rows:
        shift = len(text)
        entities += [Entity(shift + e.start, shift + e.end, e.label) for e in row.entities]
        text += row.text + "\n"
    return Annotated(text, entities, rows[0].document)


def _read_tsv(path: Path) -> Iterator[Annotated]:
    document, sentences, rows = "", 0, []
    for line in [*read_lines(path), ""]:
        if "\t" in line:
            token, tag = line.split("\t")[:2]
            rows.append((token, tag))
        elif line.startswith("# "):
            document = line[2:]
        elif rows:
            # Sets without documents: ten sentences in a row stand for one.
            yield _join(rows, document or f"{path.parent.name}-{sentences // 10}")
            sentences += 1
            rows = []


def _join(rows: list[tuple[str, str]], document: str) -> Annotated:
    """Joins tokens to running text; reads BIO, IOB1 and BIOES, and drops corrupted tags."""
    text, entities, open_label = "", [], ""
    for token, tag in rows:
        if text and token not in ATTACHED and not text.endswith(("(", "“")):
            text += " "
        start, text = len(text), text + token
        prefix, _, label = tag.partition("-")
        label = label.split("/")[0] if "CLICommand" not in label else label
        if prefix not in ("B", "I", "E", "S") or not label:
            open_label = ""
        elif prefix in ("I", "E") and label == open_label:
            entities[-1] = Entity(entities[-1].start, len(text), label)
        else:
            entities.append(Entity(start, len(text), label))
            open_label = label
    return Annotated(text, entities, document)


def _read_cyber_news(path: Path, split: str) -> Iterator[Annotated]:
    articles = [json.loads(line) for line in read_lines(path)]
    dev = {article["id"] for article in articles if is_cyber_dev(article["id"])}
    for article in articles:
        if (article["id"] in dev) != (split == "dev"):
            continue
        for name in ("title", "text"):
            spans = article["entities" if name == "text" else "title_entities"]
            entities = [Entity(span["start"], span["end"], span["label"]) for span in spans]
            yield Annotated(article[name], entities, f"{article['id']}#{name}")


def is_cyber_dev(identifier: str) -> bool:
    """Whether one of the 56 cyber-news articles is held out (12 of them are)."""
    return held_out(f"cyber/{identifier}", 12 / 56)


def load_training(root: Path, tokenizer: Tokenizer) -> dict[str, list[Sentence]]:
    """All training sentences by set, without repeats and without sentences of the dev sets."""
    seen = dev_keys(root)
    result = {}
    for source in SOURCES:
        rows = []
        for row in read_set(root, source.name, "train"):
            key = sentence_key(row.text)
            if key not in seen and row.text.strip():
                rows.append(row)
            if len(key) >= 20:
                seen.add(key)
        result[source.name] = encode(rows, source, tokenizer)
    return result


def unlabelled(words: Words, document: str) -> Sentence:
    """A sentence with nothing known of its tags: all are allowed."""
    return Sentence(words, np.ones((len(words), TAGS), np.float16), document)


def load_plain(root: Path, tokenizer: Tokenizer, measured: set[str]) -> dict[str, list[Sentence]]:
    """Sentences without labels, by set, each once, and none of those that are measured on."""
    seen, result = dev_keys(root) | measured, {}
    for name, rows in (
        ("gmb", read_set(root, "gmb", "train")),
        ("pages", _read_pages(root / "pages")),
        ("headlines", _read_headlines(root / "topics" / "huffpost.jsonl.gz")),
    ):
        kept = []
        for row in rows:
            if (key := sentence_key(row.text)) not in seen:
                kept.append(row)
            seen.add(key)
        words = split_words(tokenizer, [row.text for row in kept])
        result[name] = [
            unlabelled(words, row.document)
            for row, words in zip(kept, words, strict=True)
            if len(words)
        ]
    return result


def _read_pages(folder: Path) -> Iterator[Annotated]:
    for path in sorted(folder.glob("*.json")):
        page = json.loads(path.read_text())["ground_truth"]
        yield from cut_article(page["main_content"], [], path.stem)


def _read_headlines(path: Path) -> Iterator[Annotated]:
    for number, line in enumerate(read_lines(path)):
        row = json.loads(line)
        for name in ("headline", "short_description"):
            yield from cut_article(row[name], [], f"{number}-{name}")


def dev_keys(root: Path) -> set[str]:
    """What no training sentence may say: the sentences of all dev sets."""
    names = (*MEASURED, "cyber_news")
    return {sentence_key(row.text) for name in names for row in read_set(root, name, "dev")}


def ordinary_news(root: Path) -> list[str]:
    """Articles of 2005, evenly spread over all of them, that next to no cyber name stands in."""
    articles = (json.loads(line) for line in read_lines(root / "news" / "articles.jsonl.gz"))
    texts = [article["text"] for article in articles if article["source"].startswith("bbc")]
    return texts[:: len(texts) // ORDINARY][:ORDINARY]


def sentence_key(text: str) -> str:
    """The letters and digits of a sentence: what two copies of it have in common."""
    return "".join(char for char in text.lower() if char.isalnum())


def encode(rows: list[Annotated], source: Source, tokenizer: Tokenizer) -> list[Sentence]:
    """Words of each sentence, with the tags that the set allows for each of them."""
    sentences = []
    for row, words in zip(rows, split_words(tokenizer, [row.text for row in rows]), strict=True):
        if source.name == "aptner":
            # Common nouns ("attackers", "malware") are annotated there as if they were names.
            row.entities = [e for e in row.entities if not row.text[e.start : e.end].islower()]
        if len(words):
            wanted = np.zeros((len(words), TAGS), np.float16)
            _allow(wanted[:, NEWS], words, row, source.news, source.news_silent, NEWS_TAGS)
            _allow(wanted[:, CYBER], words, row, source.cyber, source.cyber_silent, CYBER_TAGS)
            sentences.append(Sentence(words, wanted, row.document))
    return sentences


def _allow(
    wanted: np.ndarray, words: Words, row: Annotated, labels: Labels, silent: str, tags: list[str]
) -> None:
    wanted[:] = _tags(f"O {silent}", "BI", tags)
    for entity in row.entities:
        options = labels.get(entity.label)
        if options is None:
            continue
        prefix = "B"
        for i, (start, end) in enumerate(words.spans):
            if start >= entity.start and end <= entity.end:
                wanted[i] = _tags(options, prefix, tags)
                prefix = "I"


def _tags(labels: str, prefixes: str, tags: list[str]) -> np.ndarray:
    """1 for the tags of the labels that begin with one of the prefixes, and for `O` if named."""
    names = set(labels.split())
    return np.array(
        [tag in names if tag == "O" else tag[0] in prefixes and tag[2:] in names for tag in tags],
        np.float16,
    )
