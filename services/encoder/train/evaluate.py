"""Measures a model folder on the dev sets.

python3 services/encoder/train/evaluate.py --data ../shared/data services/encoder/models
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from annotated import Annotated, Entity
from calibrate import sigmoid, topic_figures
from data import Sentence, ordinary_news, read_whole, unlabelled
from decode import Span, score_spans
from device import tensor
from export import load
from model import Model
from predict import article_vectors, find_in_documents
from sentences import split_sentences
from sources import CYBER_LABELS, NEWS_LABELS, SOURCES, Labels
from taxonomy import Category
from text import split_words
from topics import load_articles

ABBREVIATIONS = ("inc", "corp", "co", "ltd", "bros", "jr", "sr")


@dataclass(frozen=True)
class DevSet:
    """A set to measure on: which of its labels are which of ours, and which head answers."""

    name: str
    labels: Labels
    heads: str


NEWS = {label: ours for label, ours in SOURCES[0].news.items()}
BOTH = {label: label for label in NEWS_LABELS + CYBER_LABELS}
DEV_SETS = [
    DevSet("worldwide", NEWS, "news"),
    DevSet("uner_ewt", {"PER": "PERSON", "ORG": "ORG", "LOC": "LOC"}, "news"),
    DevSet("cyner", {"Malware": "MALWARE"}, "cyber"),
    DevSet(
        "annoctr",
        {"MALWARE": "MALWARE", "TOOL": "MALWARE", "GROUP": "THREAT_ACTOR"},
        "cyber",
    ),
    DevSet("cyber_news", BOTH, "both"),
]
CASES = {"worldwide, lower case": str.lower, "worldwide, capitals": str.upper}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="model folder")
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and topics/")
    parser.add_argument("--json", type=Path, help="file to save the figures in")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    figures = evaluate(args.folder, args.data)
    if args.json:
        save(figures, args.json)


def save(figures: dict, path: Path) -> None:
    """Writes the figures as JSON, a line a set."""
    rows = [f"{json.dumps(title)}: {json.dumps(row)}" for title, row in figures.items()]
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def evaluate(folder: Path, root: Path) -> dict:
    """All figures of a model folder; prints each set's table as soon as it is known."""
    model, tokenizer, described = load(folder)
    figures = {}
    sets = {dev.name: read_whole(root, dev.name) for dev in DEV_SETS}
    for dev in DEV_SETS:
        texts = sets[dev.name]
        found = find(model, tokenizer, texts, dev.heads)
        figures[dev.name] = score(texts, found, dev.labels)
        if dev.name == "worldwide":
            three = {label: ours for label, ours in NEWS.items() if ours in NEWS_LABELS[:3]}
            figures["worldwide, PERSON ORG LOC"] = score(texts, found, three)
        print_table(dev.name, figures[dev.name])
        figures[dev.name]["texts"] = by_article(texts, found, dev.labels)
    for title, case in CASES.items():
        texts = [in_case(text, case) for text in sets["worldwide"]]
        figures[title] = score(texts, find(model, tokenizer, texts, "news"), NEWS)
        print_table(title, figures[title])
    seeds = read_seeds(root)
    figures["seeds"] = score(seeds, find(model, tokenizer, seeds, "both"), BOTH)
    print_table("seeds", figures["seeds"])
    figures["cyber spans in BBC news"] = count_false_cyber(model, tokenizer, root)
    figures["topics"] = measure_topics(model, tokenizer, described, root)
    for title in ("worldwide, PERSON ORG LOC", "cyber spans in BBC news", "topics"):
        print(title, json.dumps(figures[title], indent=1))
    return figures


def score(texts: list[Annotated], found: list[set[Span]], labels: Labels) -> dict:
    """Span figures of annotated texts, over the labels that their set has."""
    gold = [named(text, labels) for text in texts]
    return score_spans(gold, found, dict.fromkeys(labels.values()))


def in_case(text: Annotated, case: Callable[[str], str]) -> Annotated:
    """A text in another case; a letter that is several in it, as ß is SS, stays."""
    letters = ((letter, case(letter)) for letter in text.text)
    return replace(text, text="".join(new if len(new) == 1 else old for old, new in letters))


def named(text: Annotated, labels: Labels) -> set[Span]:
    """The spans of characters that should be found in a text."""
    return {(e.start, e.end, labels[e.label]) for e in text.entities if e.label in labels}


def by_article(texts: list[Annotated], found: list[set[Span]], labels: Labels) -> list[list[int]]:
    """How many spans of each article are found rightly, how many are found, how many there are.

    Title and text of an article are `ID#title` and `ID#text`.
    """
    counts: dict[str, np.ndarray] = {}
    for text, spans in zip(texts, found, strict=True):
        gold, ours = named(text, labels), {span for span in spans if span[2] in labels.values()}
        article = text.document.partition("#")[0]
        row = np.array([len(gold & ours), len(ours), len(gold)])
        counts[article] = counts.get(article, 0) + row
    return [row.tolist() for row in counts.values()]


def find(model: Model, tokenizer: Tokenizer, texts: list[Annotated], heads: str) -> list[set[Span]]:
    """The spans of characters that are found in each text."""
    rows, places = [], []
    for number, whole in enumerate(texts):
        for start, end in split_sentences(whole.text):
            rows.append(Annotated(whole.text[start:end], [], whole.document))
            places.append((number, start))
    words = split_words(tokenizer, [row.text for row in rows])
    read = [unlabelled(own, row.document) for own, row in zip(words, rows, strict=True)]
    result: list[set[Span]] = [set() for _ in texts]
    predicted = predict_spans(model, read, rows, heads)
    for sentence, (number, at), group in zip(read, places, predicted, strict=True):
        bounds = sentence.words.spans
        for first, end, label in group:
            result[number].add((at + bounds[first][0], at + bounds[end - 1][1], label))
    return result


def predict_spans(
    model: Model, sentences: list[Sentence], rows: list[Annotated], heads: str
) -> list[set[Span]]:
    """Spans by the news head, the cyber head, or both: a cyber span drives news spans out."""
    found = zip(*find_in_documents(model, sentences, [row.text for row in rows]), strict=True)
    result = []
    for sentence, row, (news, cyber) in zip(sentences, rows, found, strict=True):
        left, right = (full_stops(spans, sentence, row) for spans in (news, cyber))
        result.append({"news": left, "cyber": right, "both": merge(left, right)}[heads])
    return result


def full_stops(found: set[Span], sentence: Sentence, row: Annotated) -> set[Span]:
    """The spans with the full stops of abbreviations at their ends, as `tagger.rs` does."""
    words = [row.text[start:end] for start, end in sentence.words.spans] + ["", ""]

    def is_short(start: int, end: int) -> bool:
        ends = words[end] == "." != words[end + 1]
        return end - start > 1 and ends and words[end - 1].lower() in ABBREVIATIONS

    return {(start, end + is_short(start, end), label) for start, end, label in found}


def merge(news: set[Span], cyber: set[Span]) -> set[Span]:
    """Cyber spans, and the news spans that touch none of them."""
    free = {
        span for span in news if all(span[1] <= other[0] or other[1] <= span[0] for other in cyber)
    }
    return cyber | free


def read_seeds(root: Path) -> list[Annotated]:
    """The seeds with gold, their boilerplate left out."""
    texts = []
    for path in sorted((root / "seeds").glob("*.gold.json")):
        gold = json.loads(path.read_text())
        text = (root / "seeds" / gold["file"]).read_text()
        for part in gold["boilerplate"]:
            start, end = part["start"], part["end"]
            text = text[:start] + "\n" * (end - start) + text[end:]
        entities = [Entity(e["start"], e["end"], e["label"]) for e in gold["entities"]]
        texts.append(Annotated(text, entities, path.stem))
    return texts


def count_false_cyber(model: Model, tokenizer: Tokenizer, root: Path) -> dict:
    """Cyber spans in ordinary news, where there is next to nothing to find."""
    texts = [Annotated(text, [], str(number)) for number, text in enumerate(ordinary_news(root))]
    spans = [
        whole.text[start:end]
        for whole, group in zip(texts, find(model, tokenizer, texts, "cyber"), strict=True)
        for start, end, _ in sorted(group)
    ]
    return {"articles": len(texts), "spans": len(spans), "names": spans}


def measure_topics(model: Model, tokenizer: Tokenizer, described: dict, root: Path) -> dict:
    """Topic figures with the shipped thresholds (which were themselves chosen on dev)."""
    shipped = described["topics"]["categories"]
    categories = [Category(c["code"], c["name"], "", tuple(c["path"])) for c in shipped]
    articles = load_articles(root, "dev", categories, tokenizer)
    vectors = article_vectors(model, [article.sentences for article in articles])
    with torch.inference_mode():
        scores = sigmoid(model.topics(tensor(vectors)).numpy(force=True))
    thresholds = np.array([category["threshold"] for category in shipped])
    gold = np.stack([article.target for article in articles])
    return topic_figures(scores, scores >= thresholds, gold, categories)


def print_table(title: str, figures: dict) -> None:
    """Prints the figures of one set."""
    print(f"\n{title}\n{'':14}{'P':>7}{'R':>7}{'F1':>7}{'gold':>7}")
    for label, row in figures.items():
        cells = [f"{row[key]:7.3f}" if key in row else " " * 7 for key in ("precision", "recall")]
        print(f"{label:14}{''.join(cells)}{row['f1']:7.3f}{row.get('gold', ''):>7}", flush=True)


if __name__ == "__main__":
    main()
