"""Everything that training reads."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

import base
from data import Sentence, encode, load_plain, load_training, read_set, unlabelled
from sources import SOURCES
from taxonomy import Category, load_categories
from text import Words
from topics import (
    Article,
    load_articles,
    load_sections,
    load_unlabelled,
    opening,
    opening_keys,
)


@dataclass
class Corpus:
    """The sets, aligned to words.

    `sentences` are annotated, by set; `plain` are not. `articles` have topics, those of `sections`
    hints of them, `unlabelled` ones none. The dev parts are for measuring and calibration.
    """

    tokenizer: Tokenizer
    categories: list[Category]
    sentences: dict[str, list[Sentence]]
    plain: dict[str, list[Sentence]]
    articles: list[Article]
    sections: dict[str, list[Article]]
    unlabelled: list[Article]
    dev_sentences: list[Sentence]
    dev_cyber: list[Sentence]
    dev_articles: list[Article]


def load_corpus(root: Path) -> Corpus:
    """Reads and aligns all sets."""
    tokenizer = base.tokenizer()
    categories = load_categories(root / "topics" / "iptc-mediatopics-en.json")
    return Corpus(
        tokenizer,
        categories,
        load_training(root, tokenizer),
        load_plain(root, tokenizer, opening_keys(root)),
        load_articles(root, "train", categories, tokenizer),
        load_sections(root, categories, tokenizer),
        load_unlabelled(root, categories, tokenizer),
        load_dev(root, "worldwide", tokenizer),
        load_dev(root, "annoctr", tokenizer),
        load_articles(root, "dev", categories, tokenizer),
    )


def load_dev(root: Path, name: str, tokenizer: Tokenizer) -> list[Sentence]:
    """The sentences of a set's dev part."""
    source = next(source for source in SOURCES if source.name == name)
    return encode(read_set(root, name, "dev"), source, tokenizer)


def definitions(corpus: Corpus) -> list[list[Words]]:
    """What the taxonomy says about each category."""
    texts = [f"{category.name}. {category.definition}" for category in corpus.categories]
    return opening(texts, corpus.tokenizer)


def words_of(articles: list[Article]) -> list[Sentence]:
    """The sentences of articles, with nothing known of their tags."""
    return [
        unlabelled(words, f"article-{number}")
        for number, article in enumerate(articles)
        for words in article.sentences
    ]
