"""Runs a model over sentences and articles; evaluation and calibration both use it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from tqdm import tqdm

from agree import agree
from data import Sentence
from decode import Span, best_spans
from device import tensor
from model import Model, pool
from sources import CYBER, CYBER_TAGS, CYBER_THRESHOLDS, NEWS, NEWS_TAGS, NEWS_THRESHOLDS
from text import Words
from topics import POOL_TOKENS, article_windows
from windows import Batch, Window, batches_in_order, build, collate

BATCH_TOKENS = 4096


def token_vectors(model: Model, batch: Batch) -> torch.Tensor:
    """Vectors of all tokens of a batch."""
    return model.encoder(batch.ids, batch.types, batch.mask)


HEADS = ((NEWS, NEWS_TAGS, NEWS_THRESHOLDS), (CYBER, CYBER_TAGS, CYBER_THRESHOLDS))


def find_news(model: Model, sentences: list[Sentence]) -> list[set[Span]]:
    """The spans that the news head finds in each sentence."""
    scores = tag_scores(model, sentences)
    return [best_spans(score[:, NEWS], NEWS_TAGS, NEWS_THRESHOLDS) for score in scores]


def find_in_documents(
    model: Model, sentences: list[Sentence], texts: list[str]
) -> tuple[list[set[Span]], list[set[Span]]]:
    """What each head finds in each sentence, once the mentions of each name in a document agree.

    `texts` are the sentences as they are written.
    """
    scores = tag_scores(model, sentences)
    words = [
        [text[start:end] for start, end in sentence.words.spans]
        for text, sentence in zip(texts, sentences, strict=True)
    ]
    found: tuple[list[set[Span]], list[set[Span]]] = ([], [])
    for members in _documents(sentences):
        for spans, (columns, tags, thresholds) in zip(found, HEADS, strict=True):
            rows = [scores[i][:, columns] for i in members]
            rows = agree([words[i] for i in members], rows, tags, thresholds)
            spans += [best_spans(row, tags, thresholds) for row in rows]
    return found


@torch.inference_mode()
def tag_scores(model: Model, sentences: list[Sentence], name: str = "dev") -> list[np.ndarray]:
    """Log probabilities of each word's tags, from windows of whole sentences of one document."""
    model.eval()
    groups = [
        window
        for document in _documents(sentences)
        for window in _windows(document, sentences, model.width - 2)
    ]
    windows = [build([piece.words for piece in group]) for group in groups]
    pieces: list[list[np.ndarray]] = [[] for _ in groups]
    for indexes in progress(list(batches_in_order(windows, BATCH_TOKENS)), name):
        batch = collate([windows[i] for i in indexes])
        vectors = token_vectors(model, batch)[batch.rows, batch.columns]
        logits = [head(vectors).float() for head in (model.news, model.cyber)]
        scores = torch.cat([values.log_softmax(1) for values in logits], 1).numpy(force=True)
        sizes = [len(piece.words) for i in indexes for piece in groups[i]]
        cut = iter(np.split(scores, np.cumsum(sizes)[:-1]))
        for i in indexes:
            pieces[i] = [next(cut) for _ in groups[i]]
    found: list[list[np.ndarray]] = [[] for _ in sentences]
    for group, scores in zip(groups, pieces, strict=True):
        for piece, score in zip(group, scores, strict=True):
            found[piece.sentence].append(score[piece.owned])
    return [np.concatenate(scores) for scores in found]


def _documents(sentences: list[Sentence]) -> Iterator[list[int]]:
    """The places of each document's sentences."""
    for _, group in groupby(range(len(sentences)), lambda i: sentences[i].document):
        yield list(group)


@dataclass
class Piece:
    """Words of a sentence in one window, and those of them that the window answers for."""

    sentence: int
    words: Words
    owned: slice


def _windows(document: list[int], sentences: list[Sentence], limit: int) -> Iterator[list[Piece]]:
    """Whole sentences, and of a longer one pieces that overlap, as `window.rs` packs them."""
    group: list[Piece] = []
    filled = 0
    for i in document:
        words = sentences[i].words
        size = len(words.ids)
        if group and filled + size > limit:
            yield group
            group, filled = [], 0
        if size <= limit:
            group.append(Piece(i, words, slice(None)))
            filled += size
        else:
            for start, end, owned in overlapping(words.lengths(), limit):
                yield [Piece(i, words.take(start, end), owned)]
    if group:
        yield group


def overlapping(lengths: np.ndarray, limit: int) -> Iterator[tuple[int, int, slice]]:
    """Runs of words of so many tokens that overlap by a quarter of the limit.

    With each come those of its words that it answers for: it shows more around them.
    """
    ends = np.cumsum(lengths)
    starts = ends - lengths
    start = owned_start = 0
    while owned_start < len(lengths):
        fitting = int(np.searchsorted(ends, starts[start] + limit, side="right"))
        end = owned_end = after = max(fitting, start + 1)
        if end < len(lengths):
            after = int(np.searchsorted(starts, ends[end - 1] - limit // 4))
            after = max(after, start + 1)
            owned_end = after + (end - after + 1) // 2
        yield start, end, slice(owned_start - start, owned_end - start)
        start, owned_start = after, owned_end


def progress(items: list, name: str) -> Iterable:
    """A progress bar that leaves no trace."""
    return tqdm(items, f"reading {name}", mininterval=5, leave=False)


@torch.inference_mode()
def article_vectors(model: Model, articles: list[list[Words]], name: str = "dev") -> np.ndarray:
    """The pooled vector of each article's sentences: the mean of its leading tokens."""
    model.eval()
    windows = [article_windows(sentences, model.width) for sentences in articles]
    result = np.zeros((len(articles), model.topics.in_features), np.float32)
    for group in progress(list(_articles_in_order(windows)), name):
        result[group] = pooled(model, [windows[i] for i in group]).numpy(force=True)
    return result


def _articles_in_order(articles: list[list[Window]]) -> Iterable[list[int]]:
    """Indexes of articles in batches of about `BATCH_TOKENS` padded tokens, shortest first."""
    group: list[int] = []
    padded = [len(windows) * max(map(len, windows), default=0) for windows in articles]
    for i in sorted(np.flatnonzero(padded), key=lambda i: (max(map(len, articles[i])), padded[i])):
        if group and sum(padded[j] for j in group) + padded[i] > BATCH_TOKENS:
            yield group
            group = []
        group.append(int(i))
    if group:
        yield group


def pooled(model: Model, articles: list[list[Window]]) -> torch.Tensor:
    """Pooled vectors of a batch of articles, given as their windows."""
    flat = [window for windows in articles for window in windows]
    owners = np.repeat(np.arange(len(articles)), [len(windows) for windows in articles])
    batch = collate(flat)
    weights = np.zeros(batch.mask.shape, np.float32)
    row = 0
    for windows in articles:
        left = POOL_TOKENS
        for window in windows:
            used = min(left, len(window) - 2)
            weights[row, 1 : used + 1] = 1
            left -= used
            row += 1
    vectors = token_vectors(model, batch)
    return pool(vectors, tensor(owners), tensor(weights), len(articles))
