"""Trains teachers, then the models that ship on what they say, and writes their folders.

    python3 services/encoder/train/train.py --data ../shared/data --out services/encoder/models

Each part is logged and kept in a folder of `.cache/train`, and the same command goes on from there.
Another recipe, other data or another seed have another folder, unless `--cache` names one.
"""

import argparse
import copy
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import base
import lessons as lesson
import meaning
import mpnet
from adapt import adapt
from annotated import held_out
from calibrate import cross_fitted, fit, temperature, topic_figures
from caution import caution
from corpus import Corpus, definitions, load_corpus, words_of
from data import Sentence
from decode import score_spans, spans
from device import DEVICE, autocast, tensor
from evaluate import evaluate, save
from export import Shipment, export
from fingerprint import fingerprint
from heads import leave_heads
from lessons import Lessons, Opinions
from lowrank import lower
from meaning import Descriptions, fit_descriptions, meanings
from model import (
    LAYERS,
    WIDTH,
    Model,
    partial_loss,
    pretrained,
    soft_loss,
    student,
    tag_loss,
    with_layers,
)
from narrow import narrow
from predict import article_vectors, find_news, pooled, tag_scores, token_vectors
from prototypes import topic_logits
from sources import CYBER, CYBER_TAGS, NEWS, NEWS_LABELS, NEWS_TAGS, SOURCES
from stages import LABELS, OPINION, SWAPPED, WIDE, WIDTHS, Stage, steps_of
from topics import Article, article_batches, article_windows, some_of
from trainer import Run, Trainer
from windows import Window, batches, collate, repeated, training_windows

BATCH_TOKENS = 2048
TEACHER_EPOCHS = 3
SAMPLE = 2400  # windows that inner neurons and heads are judged on
ADAPTED = 24  # batches of them that fewer heads and another activation are fitted on
JUDGED = 12  # batches of them that a model reads without each of its heads
SAMPLE_SHARE = {"worldwide": 0.5, "openings": 0.5, "cyber_news": 1.0, "annoctr": 0.3, "cyner": 0.3}
TOPIC_WEIGHT, MEANING_WEIGHT = 0.15, 1.0
READ_AT_MOST = 0.9  # of the documents without labels; the rest is for `beware`


@dataclass(frozen=True)
class Kind:
    """A kind of teacher: what it starts from, its windows in tokens, and how fast it learns."""

    base: Callable[[Corpus], Model]
    widths: tuple[int, ...]
    encoder_rate: float
    head_rate: float


def large(corpus: Corpus) -> Model:
    """Twelve layers of 768 that have not learned anything here."""
    model = Model(mpnet.MPNet(), mpnet.HIDDEN, mpnet.WIDTH, len(corpus.categories))
    model.encoder.load_base(base.teacher_weights())
    return model


def small(corpus: Corpus) -> Model:
    """Six layers of 384 that have not learned anything here: what the models that ship are of."""
    return pretrained(len(corpus.categories), base.student_weights())


LARGE = Kind(large, (256, 256, 128, 128, 48), encoder_rate=5e-5, head_rate=5e-4)
SMALL = Kind(small, WIDTHS, encoder_rate=2e-4, head_rate=1e-3)


@dataclass(frozen=True)
class Effort:
    """How much is read: by how many teachers of which kind, and how often.

    `passes` multiplies those of each set and `topic_passes` are those of the topics in a teacher's
    run. `plain` is the share of the documents without labels that is read at all, `swaps` how many
    times names are replaced in what is read; `epochs` are by stage.
    """

    teachers: int
    kind: Kind
    passes: float
    topic_passes: float
    plain: float
    swaps: int
    epochs: Mapping[str, int]


@dataclass(frozen=True)
class Plan:
    """A model that ships: the layers of the base that it starts from, and what is left of them.

    After the first stage `inner` neurons stay in each layer, so many attention `heads` by layer,
    and `size` dimensions in each of those. `width` is that of its windows once it ships, in tokens.
    """

    name: str
    folder: str
    layers: tuple[int, ...]
    inner: int
    heads: tuple[int, ...]
    size: int
    width: int = WIDTH


# What two cores do in two hours and a quarter, and what a GPU does in ten minutes. A token costs a
# large teacher twelve times what it costs a model that ships: two cores have a small one, whose
# weights the models that ship go on from.
TWO_CORES = Effort(
    teachers=1,
    kind=SMALL,
    passes=1.1,
    topic_passes=1.1,
    plain=0.2,
    swaps=1,
    epochs={"wide": 1, "opinion": 4, "labels": 2},
)
GPU = Effort(
    teachers=3,
    kind=LARGE,
    passes=1.0,
    topic_passes=2.0,
    plain=READ_AT_MOST,
    swaps=2,
    epochs={"wide": 2, "opinion": 3, "labels": 2},
)
EFFORT = GPU if DEVICE.type == "cuda" else TWO_CORES
PLANS = (
    # Two numbers of heads are two sets of code that OpenVINO makes and keeps.
    Plan(
        "copydesk-news",
        "",
        tuple(range(LAYERS)),
        inner=768,
        heads=(6, 6, 6, 3, 3, 3),
        size=32,
    ),
    Plan("copydesk-news-fast", "fast", (0, 2, 5), inner=384, heads=(5, 4, 3), size=32, width=64),
)


def main() -> None:
    """Runs the command line."""
    args = parse_args()
    args.cache = args.cache or Path(".cache/train") / fingerprint(args.data, args.seed, DEVICE.type)
    args.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    corpus = load_corpus(args.data)
    texts, opinions = consult(corpus, gather(corpus, args), args)
    opinion, labels = (
        lesson.mix(texts, opinions, corpus.tokenizer, stage.trusts(texts.rounds), stage.topic_trust)
        for stage in (OPINION, LABELS)
    )
    first = beginning(corpus, args)
    for plan in PLANS:
        model = with_layers(first, plan.layers)
        if not has_learned(plan):
            learn(model, corpus, opinion, plan, WIDE, args)
        sample = sample_batches(corpus, plan.width, args)
        narrow(model, plan.inner, sample)
        lower(model, plan.size, sample)
        leave_heads(model, plan.heads, sample[:JUDGED], sample[JUDGED:])
        learn(model, corpus, opinion, plan, OPINION, args)
        learn(model, corpus, labels, plan, LABELS, args)
        ship(model, corpus, plan, args)


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and topics/")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--cache", type=Path, help="folder to keep each part in, and to go on from")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def gather(corpus: Corpus, args: argparse.Namespace) -> Lessons:
    """All texts, with what their labels say of them."""
    plain = corpus.plain | {"articles": words_of(corpus.unlabelled)}
    return Lessons(
        corpus.sentences | {name: some_documents(rows) for name, rows in plain.items()},
        {
            "labelled": corpus.articles,
            "unlabelled": corpus.unlabelled,
            "sections": some_of(corpus.sections, 300, random.Random(args.seed)),
        },
    )


def some_documents(rows: list[Sentence]) -> list[Sentence]:
    """The share of documents that `EFFORT.plain` names, the same at any time."""
    return [row for row in rows if held_out(row.document, EFFORT.plain)]


def consult(corpus: Corpus, texts: Lessons, args: argparse.Namespace) -> tuple[Lessons, Opinions]:
    """Trains the teachers and asks each of them; they are gone when this returns.

    Names are replaced where the first of them finds any.
    """
    groups = texts.articles.values()
    openings = [article.sentences for group in groups for article in group]
    texts_read = openings + definitions(corpus)
    vectors = meaning.read(lambda: large(corpus), texts_read, args.cache)
    labels = np.stack([article.target for article in corpus.articles])
    prior = by_kind(texts, topic_logits(vectors[: len(openings)], vectors[len(openings) :], labels))
    folders, others = [], Lessons({}, {})
    for seed in range(args.seed, args.seed + EFFORT.teachers):
        teacher = taught(corpus, seed, args)
        folders.append(args.cache / f"teacher-{seed}")
        lesson.ask(teacher, texts, folders[-1])
        if len(folders) == 1:
            others = lesson.swapped(texts, SWAPPED, EFFORT.swaps, folders[0])
        lesson.ask(teacher, others, folders[-1])
    texts = Lessons(texts.sentences | others.sentences, texts.articles, others.rounds)
    opinions = Opinions(
        {name: lesson.mean(folders, "tags", name) for name in texts.sentences},
        {
            kind: lesson.both(lesson.mean(folders, "topics", kind), prior[kind])
            for kind in texts.articles
        },
        by_kind(texts, meaning.components(vectors)),
    )
    return texts, opinions


def taught(corpus: Corpus, seed: int, args: argparse.Namespace) -> Model:
    """A teacher that has learned; one that is kept has not to learn again."""
    torch.manual_seed(seed)
    teacher = start(EFFORT.kind.base(corpus), corpus)
    Trainer(teacher, teacher_run(teacher, corpus, seed, args)).train()
    return teacher


def beginning(corpus: Corpus, args: argparse.Namespace) -> Model:
    """What the models that ship start from: the first teacher where it is small, or else a base."""
    if EFFORT.kind is SMALL:
        source = taught(corpus, args.seed, args)
    else:
        torch.manual_seed(args.seed)
        source = start(small(corpus), corpus)
    model = student(len(corpus.categories))
    adapt(source, model, sample_batches(corpus, WIDTH, args)[:ADAPTED])
    return model


def has_learned(plan: Plan) -> bool:
    """Whether a model is a whole teacher from the beginning, and needs no wide stage."""
    return EFFORT.kind is SMALL and len(plan.layers) == LAYERS


def learn(
    model: Model,
    corpus: Corpus,
    lessons: Lessons,
    plan: Plan,
    stage: Stage,
    args: argparse.Namespace,
) -> None:
    """Runs one stage."""
    epochs = EFFORT.epochs[stage.name]
    run = Run(
        name=f"{plan.name}-{stage.name}",
        batches=steps_of(lessons, stage, epochs, random.Random(f"{args.seed} {stage.name}")),
        epochs=epochs,
        rates=rates(model, stage.encoder_rate, stage.head_rate, stage.encoder_rate),
        losses=lambda batch: losses(model, batch, soft_loss),
        measure=lambda: measure(model, corpus)[1],
        cache=args.cache,
        seed=args.seed,
        floor=stage.floor,
    )
    before = copy.deepcopy(model.state_dict())
    Trainer(model, run).train()
    after = model.state_dict()
    model.load_state_dict(
        {name: torch.lerp(value, before[name], stage.held) for name, value in after.items()}
    )


def ship(model: Model, corpus: Corpus, plan: Plan, args: argparse.Namespace) -> None:
    """Calibrates the model and writes its folder."""
    folder = args.out / plan.folder
    model.width = plan.width
    temper(model, corpus)
    beware(model, corpus)
    calibration, _ = measure(model, corpus)
    descriptions, figures = describe(model, corpus)
    print(json.dumps(figures))
    shipment = Shipment(plan.name, corpus.categories, calibration, descriptions)
    export(model, corpus.tokenizer, shipment, sample_windows(corpus, plan.width, args), folder)
    save(evaluate(folder, args.data), folder / "trainer.json")


def by_kind(texts: Lessons, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows that belong to each kind of article."""
    ends = np.cumsum([len(group) for group in texts.articles.values()])
    return dict(zip(texts.articles, np.split(rows, ends), strict=False))


def start(model: Model, corpus: Corpus) -> Model:
    """Each topic's row from its definition's vector, on pretrained weights.

    The base encoders are sentence encoders, so a definition is a prototype of its topic. A row's
    bias comes from how often its topic occurs.
    """
    vectors = tensor(article_vectors(model, definitions(corpus)))
    rows = functional.normalize(vectors - vectors.mean(0), dim=1)
    share = np.mean([article.target for article in corpus.articles], 0).clip(5e-4)
    with torch.no_grad():
        model.topics.weight.copy_(rows)
        model.topics.bias.copy_(tensor(np.log(share / (1 - share))).float())
        model.topics.bias.sub_(model.topics.weight @ vectors.mean(0))
    return model


def sample_windows(corpus: Corpus, width: int, args: argparse.Namespace) -> list[Window]:
    """Windows of what comes in, shuffled: for the most part news, some of it of cyber attacks."""
    rng = random.Random(args.seed)
    widths = tuple(min(other, width) for other in WIDTHS)
    windows = [
        window
        for name, share in SAMPLE_SHARE.items()
        for window in training_windows(corpus.sentences[name], share, widths, rng)
    ]
    rng.shuffle(windows)
    return windows


def sample_batches(corpus: Corpus, width: int, args: argparse.Namespace) -> list[list[Window]]:
    """Batches of what comes in."""
    windows = sample_windows(corpus, width, args)[:SAMPLE]
    return batches(windows, BATCH_TOKENS, random.Random(args.seed))


def teacher_run(model: Model, corpus: Corpus, seed: int, args: argparse.Namespace) -> Run:
    """A teacher learns from the labels alone."""
    rng = random.Random(seed)
    windows = [
        window
        for source in SOURCES
        for window in training_windows(
            corpus.sentences[source.name], source.passes * EFFORT.passes, EFFORT.kind.widths, rng
        )
    ]
    steps: list[list] = batches(windows, BATCH_TOKENS, rng)
    articles = corpus.articles + some_of(corpus.sections, 150, rng)
    steps += article_batches(repeated(articles, EFFORT.topic_passes, rng), BATCH_TOKENS, rng)
    rng.shuffle(steps)
    return Run(
        name=f"teacher-{seed}",
        batches=steps,
        epochs=TEACHER_EPOCHS,
        rates=rates(model, EFFORT.kind.encoder_rate, EFFORT.kind.head_rate, types=1e-3),
        losses=lambda batch: losses(model, batch, partial_loss),
        measure=lambda: measure(model, corpus)[1],
        cache=args.cache,
        seed=seed,
    )


def rates(
    model: Model, encoder: float, heads: float, types: float
) -> list[tuple[list[nn.Parameter], float]]:
    """The weights with their learning rates: the encoder's, the heads', the case types'."""
    groups: dict[float, list[nn.Parameter]] = {encoder: [], heads: [], types: []}
    for name, weight in model.named_parameters():
        if "token_type" in name:
            groups[types].append(weight)
        elif not name.startswith("encoder."):
            groups[heads].append(weight)
        elif "pooler" not in name:
            groups[encoder].append(weight)
    return [(weights, rate) for rate, weights in groups.items()]


def losses(model: Model, batch: list[Window] | list[Article], loss) -> dict[str, torch.Tensor]:
    """The losses that a batch of windows or of articles gives."""
    if isinstance(batch[0], Article):
        return article_losses(model, [article for article in batch if article.sentences])
    tensors = collate(batch)
    vectors = token_vectors(model, tensors)[tensors.rows, tensors.columns]
    logits = torch.cat([model.news(vectors), model.cyber(vectors)], 1).float()
    return {"tags": tag_loss(logits, tensors.wanted.float(), loss)}


def article_losses(model: Model, articles: list[Article]) -> dict[str, torch.Tensor]:
    """Cross-entropy of the topics, and where it is known one minus the cosine of the meaning."""
    vectors = pooled(model, [article_windows(a.sentences, model.width) for a in articles])
    target = tensor(np.stack([article.target for article in articles]))
    weight = tensor(np.stack([article.weight for article in articles]))
    topics = functional.binary_cross_entropy_with_logits(
        model.topics(vectors).float(), target, weight, reduction="sum"
    )
    result = {"topics": TOPIC_WEIGHT * topics / len(articles)}
    if articles[0].meaning is not None:
        wanted = tensor(np.stack([article.meaning for article in articles]))
        near = functional.cosine_similarity(model.meaning(vectors).float(), wanted)
        result["meaning"] = MEANING_WEIGHT * (1 - near).mean()
    return result


def measure(model: Model, corpus: Corpus) -> tuple:
    """The topics' calibration, and the figures that an epoch is judged by."""
    with autocast():
        found = find_news(model, corpus.dev_sentences)
        vectors = article_vectors(model, [article.sentences for article in corpus.dev_articles])
    gold = [
        spans(NEWS_TAGS[i] for i in sentence.wanted[:, NEWS].argmax(1))
        for sentence in corpus.dev_sentences
    ]
    scored = score_spans(gold, found, NEWS_LABELS)
    figures = {"worldwide_f1": scored["micro"]["f1"], "worldwide_macro_f1": scored["macro"]["f1"]}
    with torch.inference_mode():
        logits = model.topics(tensor(vectors)).double().numpy(force=True)
    wanted = np.stack([article.target for article in corpus.dev_articles])
    seen = np.sum([article.target for article in corpus.articles], 0) > 0
    fitted = cross_fitted(logits, wanted, corpus.categories, seen)
    figures |= topic_figures(*fitted, wanted, corpus.categories)
    return fit(logits, wanted, corpus.categories, seen), figures


def temper(model: Model, corpus: Corpus) -> None:
    """Divides the logits of both tag heads so that their probabilities fit the dev sets."""
    with autocast():
        for head, columns, rows in (
            (model.news, NEWS, corpus.dev_sentences),
            (model.cyber, CYBER, corpus.dev_cyber),
        ):
            scores = np.concatenate(tag_scores(model, rows))[:, columns]
            wanted = np.concatenate([row.wanted for row in rows])[:, columns]
            divisor = temperature(scores, wanted)
            with torch.no_grad():
                head.weight.div_(divisor)
                head.bias.div_(divisor)


def beware(model: Model, corpus: Corpus) -> None:
    """Makes cyber names less likely: the dev sets have many, ordinary news next to none."""
    with autocast():
        scores = tag_scores(model, ordinary(corpus), "ordinary news")
    with torch.no_grad():
        model.cyber.bias[CYBER_TAGS.index("O")] += caution([score[:, CYBER] for score in scores])


def ordinary(corpus: Corpus) -> list[Sentence]:
    """News without a word of cyber attacks, of the documents that no model learns from."""
    rows = corpus.plain["gmb"] + words_of(corpus.unlabelled)
    unread = [row for row in rows if not held_out(row.document, READ_AT_MOST)]
    annotated = {row.words.ids.tobytes() for row in corpus.sentences["openings"]}
    others = {row.document for row in unread if row.words.ids.tobytes() in annotated}
    others |= lesson.attacked(unread, corpus.tokenizer)
    return [row for row in unread if row.document not in others]


def describe(model: Model, corpus: Corpus) -> tuple[Descriptions, dict[str, float]]:
    """How the nearness to a description becomes a score, fitted on the dev articles."""
    with autocast():
        news = meanings(model, [article.sentences for article in corpus.articles])
        articles = meanings(model, [article.sentences for article in corpus.dev_articles])
        described = meanings(model, definitions(corpus))
    gold = np.stack([article.target for article in corpus.dev_articles])
    return fit_descriptions(articles, described, gold, news.var(0))


if __name__ == "__main__":
    main()
