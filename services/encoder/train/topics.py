"""Openings of articles, with the Media Topics that readers, sections or the teacher give them."""

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from annotated import held_out, read_lines
from annotations import read_topics
from data import dev_keys, ordinary_news, sentence_key
from sentences import split_sentences
from taxonomy import Category
from text import Words, cut_points, pack, split_words
from windows import Window, build, vary

POOL_TOKENS = 512
OPENING = 254  # tokens of an article that a teacher reads: one window
DEV_SHARE = 0.2
HINT_WEIGHT = 0.3  # how far a section speaks against the topics that it does not name

SECTIONS = {
    "POLITICS": "11000000",
    "ENTERTAINMENT": "01000000",
    "MEDIA": "01000000",
    "CULTURE & ARTS": "01000000",
    "CRIME": "02000000",
    "BUSINESS": "04000000",
    "MONEY": "04000000",
    "EDUCATION": "05000000",
    "ENVIRONMENT": "06000000",
    "WEIRD NEWS": "08000000",
    "STYLE & BEAUTY": "10000000",
    "HOME & LIVING": "10000000",
    "FOOD & DRINK": "10000000",
    "TRAVEL": "10000000",
    "WELLNESS": "10000000",
    "RELIGION": "12000000",
    "TECH": "13000000",
    "SCIENCE": "13000000",
    "BLACK VOICES": "14000000",
    "QUEER VOICES": "14000000",
    "PARENTING": "14000000",
    "WOMEN": "14000000",
    "SPORTS": "15000000",
}


@dataclass
class Article:
    """The opening of an article, the score wanted of each topic, and how far each is known.

    `meaning` is what the vector of the article's meaning should be, once it is known.
    """

    sentences: list[Words]
    target: np.ndarray
    weight: np.ndarray
    meaning: np.ndarray | None = None

    def size(self) -> int:
        """Number of sub-tokens."""
        return sum(len(words.ids) for words in self.sentences)


def load_articles(
    root: Path, split: str, categories: list[Category], tokenizer: Tokenizer
) -> list[Article]:
    """The labelled articles of the `train` or `dev` part, which an id's hash decides.

    This project's own annotations belong to `train`, where no article of the dev part is again.
    """
    rows = [(row["text"], row["topics"]) for row in _rows(root, split)]
    if split == "train":
        measured = opening_keys(root)
        rows = [row for row in [*rows, *read_topics(root)] if not _keys(row[0]) & measured]
    known = np.ones(len(categories), np.float32)
    openings = opening([text for text, _ in rows], tokenizer)
    return [
        Article(sentences, target(codes, categories), known)
        for sentences, (_, codes) in zip(openings, rows, strict=True)
    ]


def load_sections(
    root: Path, categories: list[Category], tokenizer: Tokenizer
) -> dict[str, list[Article]]:
    """HuffPost's headlines and leads by section, without those of the dev part."""
    dev = {row["text"][:40] for row in _rows(root, "dev")}
    rows = [json.loads(line) for line in read_lines(root / "topics" / "huffpost.jsonl.gz")]
    rows = [r for r in rows if r["category"] in SECTIONS and r["headline"][:40] not in dev]
    texts = [f"{row['headline']}. {row['short_description']}" for row in rows]
    top = np.array([len(category.path) == 1 for category in categories])
    sections: dict[str, list[Article]] = {}
    for row, sentences in zip(rows, opening(texts, tokenizer), strict=True):
        codes = target([SECTIONS[row["category"]]], categories)
        weight = np.where(codes > 0, 1.0, np.where(top, HINT_WEIGHT, 0.0)).astype(np.float32)
        sections.setdefault(row["category"], []).append(Article(sentences, codes, weight))
    return sections


def load_unlabelled(root: Path, categories: list[Category], tokenizer: Tokenizer) -> list[Article]:
    """The openings of the news articles, each once, without those that are measured on."""
    seen = dev_keys(root).union(opening_keys(root), *map(_keys, ordinary_news(root)))
    texts = []
    for line in read_lines(root / "news" / "articles.jsonl.gz"):
        text = json.loads(line)["text"]
        if not _keys(text) & seen:
            texts.append(text)
        seen.add(sentence_key(text[:200]))
    unknown = np.zeros(len(categories), np.float32)
    openings = opening(texts, tokenizer)
    return [Article(sentences, unknown, unknown) for sentences in openings if sentences]


def opening_keys(root: Path) -> set[str]:
    """What no other text may say: the articles of the dev part."""
    return set().union(*(_keys(row["text"]) for row in _rows(root, "dev")))


def _keys(text: str) -> set[str]:
    """The opening of a text and each of its first sentences, as copies of them have it too."""
    keys = {sentence_key(text[start:end]) for start, end in split_sentences(text[:2000])}
    return {key for key in keys if len(key) >= 20} | {sentence_key(text[:200])}


def _rows(root: Path, split: str) -> list[dict]:
    rows = [json.loads(line) for line in read_lines(root / "topics" / "articles.train.jsonl.gz")]
    return [row for row in rows if held_out(row["id"], DEV_SHARE) == (split == "dev")]


def target(codes: list[str], categories: list[Category]) -> np.ndarray:
    """1 for each of the codes and for what stands above them."""
    paths = {category.code: category.path for category in categories}
    wanted = {step for code in codes for step in paths[code]}
    return np.array([category.code in wanted for category in categories], np.float32)


def opening(texts: list[str], tokenizer: Tokenizer) -> list[list[Words]]:
    """The sentences of each text until `POOL_TOKENS` sub-tokens are full."""
    pieces, owners = [], []
    for i, text in enumerate(texts):
        text = text[: POOL_TOKENS * 8]
        for start, end in split_sentences(text):
            pieces.append(text[start:end])
            owners.append(i)
    result: list[list[Words]] = [[] for _ in texts]
    sizes = [0] * len(texts)
    for owner, words in zip(owners, split_words(tokenizer, pieces), strict=True):
        if len(words) and sizes[owner] < POOL_TOKENS:
            result[owner].append(words)
            sizes[owner] += len(words.ids)
    return result


def shortened(sentences: list[Words], limit: int) -> list[Words]:
    """The leading sentences that have at most `limit` tokens together, at least one."""
    ends = np.cumsum([len(words.ids) for words in sentences])
    return sentences[: max(1, int(np.searchsorted(ends, limit, side="right")))]


def article_windows(sentences: list[Words], width: int) -> list[Window]:
    """The windows of one article, of at most `width` tokens."""
    pieces = [
        words.take(start, end)
        for words in sentences
        for start, end in cut_points(words.lengths(), width - 2)
    ]
    return [build(group) for group in pack(pieces, lambda words: len(words.ids), width - 2)]


def some_of(sections: dict[str, list[Article]], count: int, rng: random.Random) -> list[Article]:
    """At most `count` articles of each section."""
    return [
        article
        for section in sections.values()
        for article in rng.sample(section, min(count, len(section)))
    ]


def article_batches(
    articles: list[Article], max_tokens: int, rng: random.Random
) -> list[list[Article]]:
    """The articles, shortened and varied, in batches of about `max_tokens` tokens."""
    varied = [_varied(article, rng) for article in articles]
    ordered = sorted(varied, key=lambda article: min(article.size(), 128) + rng.random())
    result, batch, size = [], [], 0
    for article in ordered:
        if batch and size + article.size() > max_tokens:
            result.append(batch)
            batch, size = [], 0
        batch.append(article)
        size += article.size()
    result.append(batch)
    return result


def _varied(article: Article, rng: random.Random) -> Article:
    limit = rng.choices((96, 192, 320, POOL_TOKENS), (0.15, 0.3, 0.3, 0.25))[0]
    sentences, size = [], 0
    for i, words in enumerate(article.sentences):
        if size >= limit:
            break
        if i and rng.random() < 0.1:
            continue
        sentences.append(vary(words, rng))
        size += len(words.ids)
    return replace(article, sentences=sentences)
