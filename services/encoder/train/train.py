"""Trains a teacher, then the models that ship on what it says, and writes their folders.

    python3 services/encoder/train/train.py --data ../shared/data --out services/encoder/models

Each part is logged and kept in `.cache/train`; the same command goes on from there.
"""

import argparse
import copy
import json
import random
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import base
import lessons as lesson
import meaning
import mpnet
from calibrate import cross_fitted, fit, temperature, topic_figures
from corpus import Corpus, definitions, load_corpus, words_of
from decode import score_spans, spans
from evaluate import evaluate
from export import Shipment, export, load
from finish import ACCURATE, FAST, Plan, lessons_of, steps_of
from lessons import Lessons
from meaning import Descriptions, fit_descriptions, meanings
from model import Model, partial_loss, soft_loss, student, tag_loss, with_layers
from predict import article_vectors, pooled, tag_scores, tag_sentences, token_vectors
from prototypes import topic_logits
from sources import CYBER, CYBER_TAGS, NEWS, NEWS_LABELS, NEWS_TAGS, SOURCES
from topics import Article, article_batches, article_windows, some_of
from trainer import Run, Trainer
from windows import Window, batches, collate, training_windows

BATCH_TOKENS = 2048
TEACHER_WIDTHS = (256, 256, 128, 128, 48)
STUDENT_WIDTHS = (128, 128, 128, 64, 32)
TEACHER_EPOCHS, STUDENT_EPOCHS = 3, 5
TEACHER_TOPIC_PASSES = 2
PLAIN_SHARE = {"gmb": 0.5, "articles": 0.5}  # of the texts without labels, an epoch
SAMPLE_SHARE = {"worldwide": 0.5, "openings": 0.5, "cyber_news": 1.0, "annoctr": 0.3, "cyner": 0.3}
TOPIC_WEIGHT, MEANING_WEIGHT = 0.15, 1.0


def main() -> None:
    """Runs the command line."""
    args = parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    corpus = load_corpus(args.data)
    model = begin(corpus, args)
    finish(model, corpus, ACCURATE, args)
    ship(copy.deepcopy(model), corpus, ACCURATE, "copydesk-news", args.out, args)
    fast = with_layers(model, FAST.layers)
    finish(fast, corpus, FAST, args, teacher=model)
    ship(fast, corpus, FAST, "copydesk-news-fast", args.out / "fast", args)


def begin(corpus: Corpus, args: argparse.Namespace) -> Model:
    """A student of the teacher; or, where one is named, a model that has been trained."""
    if args.start:
        return load(args.start)[0]
    lessons = gather(corpus, args)
    model = start(student(len(corpus.categories)), base.student_weights(), corpus, args)
    Trainer(model, student_run(model, corpus, lessons, args)).train()
    return model


def finish(
    model: Model,
    corpus: Corpus,
    plan: Plan,
    args: argparse.Namespace,
    teacher: Model | None = None,
) -> None:
    """Lets the model learn on, from the labels and from what it, or its teacher, said before."""
    lessons = lessons_of(teacher or model, corpus, plan, args.cache / plan.name)
    run = Run(
        name=plan.name,
        batches=steps_of(lessons, plan, args.seed),
        epochs=plan.epochs,
        rates=rates(model, plan.encoder_rate, plan.head_rate, plan.encoder_rate),
        losses=lambda batch: losses(model, batch, soft_loss),
        measure=lambda: measure(model, corpus)[1],
        cache=args.cache,
        seed=args.seed,
    )
    before = copy.deepcopy(model.state_dict())
    Trainer(model, run).train()
    if plan.held:
        after = model.state_dict()
        model.load_state_dict(
            {name: torch.lerp(value, before[name], plan.held) for name, value in after.items()}
        )


def ship(
    model: Model, corpus: Corpus, plan: Plan, name: str, folder: Path, args: argparse.Namespace
) -> None:
    """Calibrates the model and writes its folder."""
    temper(model, corpus, plan.caution)
    calibration, _ = measure(model, corpus)
    descriptions, figures = describe(model, corpus)
    print(json.dumps(figures))
    shipment = Shipment(name, corpus.categories, calibration, descriptions)
    export(model, corpus.tokenizer, shipment, sample_windows(corpus, args), folder)
    (folder / "trainer.json").write_text(json.dumps(evaluate(folder, args.data), indent=1))


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with ner/ and topics/")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--start", type=Path, help="model folder to go on from, without a teacher")
    parser.add_argument("--cache", type=Path, default=Path(".cache/train"), help="checkpoints")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def gather(corpus: Corpus, args: argparse.Namespace) -> Lessons:
    """What the student learns from; the teacher is gone when this returns."""
    kept = random.Random(args.seed)
    lessons = Lessons(
        corpus.sentences | {"gmb": corpus.plain, "articles": words_of(corpus.unlabelled)},
        {
            "labelled": corpus.articles,
            "unlabelled": corpus.unlabelled,
            "sections": some_of(corpus.sections, 300, kept),
        },
    )
    teacher = Model(mpnet.MPNet(), mpnet.HIDDEN, mpnet.WIDTH, len(corpus.categories))
    teacher.encoder.load_base(base.teacher_weights(args.cache))
    texts = [article.sentences for group in lessons.articles.values() for article in group]
    vectors = meaning.read(teacher, texts + definitions(corpus), args.cache)
    labels = np.stack([article.target for article in corpus.articles])
    prior = topic_logits(vectors[: len(texts)], vectors[len(texts) :], labels)
    start(teacher, base.teacher_weights(args.cache), corpus, args)
    Trainer(teacher, teacher_run(teacher, corpus, args)).train()
    asked = lesson.ask(teacher, lessons, by_kind(lessons, prior), args.cache)
    return lesson.explain(asked, by_kind(lessons, meaning.components(vectors)))


def by_kind(lessons: Lessons, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows that belong to each kind of article."""
    ends = np.cumsum([len(group) for group in lessons.articles.values()])
    return dict(zip(lessons.articles, np.split(rows, ends), strict=False))


def start(model: Model, weights: dict, corpus: Corpus, args: argparse.Namespace) -> Model:
    """Pretrained weights, and each topic's row from its definition's vector.

    The base encoders are sentence encoders, so a definition is a prototype of its topic. A row's
    bias comes from how often its topic occurs.
    """
    torch.manual_seed(args.seed)
    model.encoder.load_base(weights)
    vectors = torch.from_numpy(article_vectors(model, definitions(corpus)))
    rows = functional.normalize(vectors - vectors.mean(0), dim=1)
    share = np.mean([article.target for article in corpus.articles], 0).clip(5e-4)
    with torch.no_grad():
        model.topics.weight.copy_(rows)
        model.topics.bias.copy_(torch.from_numpy(np.log(share / (1 - share))).float())
        model.topics.bias.sub_(model.topics.weight @ vectors.mean(0))
    return model


def sample_windows(corpus: Corpus, args: argparse.Namespace) -> list[Window]:
    """Windows of what comes in, shuffled: for the most part news, some of it of cyber attacks."""
    rng = random.Random(args.seed)
    windows = [
        window
        for name, share in SAMPLE_SHARE.items()
        for window in training_windows(corpus.sentences[name], share, STUDENT_WIDTHS, rng)
    ]
    rng.shuffle(windows)
    return windows


def teacher_run(model: Model, corpus: Corpus, args: argparse.Namespace) -> Run:
    """The teacher learns from the labels alone."""
    rng = random.Random(args.seed)
    windows = [
        window
        for source in SOURCES
        for window in training_windows(
            corpus.sentences[source.name], source.passes, TEACHER_WIDTHS, rng
        )
    ]
    steps: list[list] = batches(windows, BATCH_TOKENS, rng)
    for _ in range(TEACHER_TOPIC_PASSES):
        articles = corpus.articles + some_of(corpus.sections, 150, rng)
        steps += article_batches(articles, BATCH_TOKENS, rng)
    rng.shuffle(steps)
    return Run(
        name="teacher",
        batches=steps,
        epochs=TEACHER_EPOCHS,
        rates=rates(model, encoder=5e-5, heads=5e-4, types=1e-3),
        losses=lambda batch: losses(model, batch, partial_loss),
        measure=lambda: measure(model, corpus)[1],
        cache=args.cache,
        seed=args.seed,
    )


def student_run(model: Model, corpus: Corpus, lessons: Lessons, args: argparse.Namespace) -> Run:
    """The student learns what the labels and the teacher say together."""
    rng = random.Random(args.seed)
    shares = {source.name: source.share for source in SOURCES} | PLAIN_SHARE
    steps: list[list] = []
    for _ in range(STUDENT_EPOCHS):
        windows = [
            window
            for name, share in shares.items()
            for window in training_windows(lessons.sentences[name], share, STUDENT_WIDTHS, rng)
        ]
        articles = [*lessons.articles["labelled"]]
        for name in ("unlabelled", "sections"):
            group = lessons.articles[name]
            articles += rng.sample(group, len(group) // 4)
        epoch = batches(windows, BATCH_TOKENS, rng) + article_batches(articles, BATCH_TOKENS, rng)
        rng.shuffle(epoch)
        steps += epoch
    return Run(
        name="student",
        batches=steps,
        epochs=STUDENT_EPOCHS,
        rates=rates(model, encoder=2e-4, heads=1e-3, types=2e-4),
        losses=lambda batch: losses(model, batch, soft_loss),
        measure=lambda: measure(model, corpus)[1],
        cache=args.cache,
        seed=args.seed,
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
    target = torch.from_numpy(np.stack([article.target for article in articles]))
    weight = torch.from_numpy(np.stack([article.weight for article in articles]))
    topics = functional.binary_cross_entropy_with_logits(
        model.topics(vectors).float(), target, weight, reduction="sum"
    )
    result = {"topics": TOPIC_WEIGHT * topics / len(articles)}
    if articles[0].meaning is not None:
        wanted = torch.from_numpy(np.stack([article.meaning for article in articles]))
        near = functional.cosine_similarity(model.meaning(vectors).float(), wanted)
        result["meaning"] = MEANING_WEIGHT * (1 - near).mean()
    return result


def measure(model: Model, corpus: Corpus) -> tuple:
    """The topics' calibration, and the figures that an epoch is judged by."""
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = tag_sentences(model, corpus.dev_sentences)
        vectors = article_vectors(model, [article.sentences for article in corpus.dev_articles])
    gold = [
        spans(NEWS_TAGS[i] for i in sentence.wanted[:, NEWS].argmax(1))
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


def temper(model: Model, corpus: Corpus, caution: float) -> None:
    """Divides the logits of both tag heads so that their probabilities fit the dev sets.

    Those have many cyber names, and news few: `caution` is taken from the log odds of one.
    """
    with torch.autocast("cpu", torch.bfloat16):
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
    with torch.no_grad():
        model.cyber.bias[CYBER_TAGS.index("O")] += caution


def describe(model: Model, corpus: Corpus) -> tuple[Descriptions, dict[str, float]]:
    """How the nearness to a description becomes a score, fitted on the labelled articles."""
    with torch.autocast("cpu", torch.bfloat16):
        articles = meanings(model, [article.sentences for article in corpus.articles])
        described = meanings(model, definitions(corpus))
    gold = np.stack([article.target for article in corpus.articles])
    return fit_descriptions(articles, described, gold)


if __name__ == "__main__":
    main()
