"""Runs a model over sentences and articles; evaluation and calibration both use it."""

from collections.abc import Iterable

import numpy as np
import torch

from data import Sentence
from decode import legal_tags
from model import Model, pool
from sources import CYBER_TAGS, NEWS_TAGS
from text import pack
from topics import POOL_TOKENS, article_windows
from windows import MAX_TOKENS, Batch, Window, batches_in_order, build, collate, cut_sentences

BATCH_TOKENS = 4096


def token_vectors(model: Model, batch: Batch) -> torch.Tensor:
    """Vectors of all tokens of a batch."""
    return model.encoder(batch.ids, batch.types, batch.mask)


@torch.inference_mode()
def tag_sentences(
    model: Model, sentences: list[Sentence]
) -> tuple[list[list[str]], list[list[str]]]:
    """News and cyber tags of each word, from windows of whole sentences of one document."""
    model.eval()
    groups = list(_groups(sentences))
    windows = [build([piece.words for _, piece in group]) for group in groups]
    news: list[list[str]] = [[] for _ in sentences]
    cyber: list[list[str]] = [[] for _ in sentences]
    found = {}
    for indexes in batches_in_order(windows, BATCH_TOKENS):
        batch = collate([windows[i] for i in indexes])
        vectors = token_vectors(model, batch)[batch.rows, batch.columns]
        logits = [head(vectors).float() for head in (model.news, model.cyber)]
        scores = [values.log_softmax(1).numpy() for values in logits]
        start = 0
        for i in indexes:
            end = start + len(windows[i].heads)
            found[i] = [score[start:end] for score in scores]
            start = end
    for i, group in enumerate(groups):
        start = 0
        for owner, piece in group:
            end = start + len(piece.words)
            news[owner] += legal_tags(found[i][0][start:end], NEWS_TAGS)
            cyber[owner] += legal_tags(found[i][1][start:end], CYBER_TAGS)
            start = end
    return news, cyber


def _groups(sentences: list[Sentence]) -> Iterable[list[tuple[int, Sentence]]]:
    limit = MAX_TOKENS - 2
    document: list[tuple[int, Sentence]] = []
    for i, sentence in enumerate(sentences):
        if document and sentences[i - 1].document != sentence.document:
            yield from pack(document, lambda item: len(item[1].words.ids), limit)
            document = []
        document += [(i, piece) for piece in cut_sentences([sentence], limit)]
    yield from pack(document, lambda item: len(item[1].words.ids), limit)


@torch.inference_mode()
def article_vectors(model: Model, articles: list[list]) -> np.ndarray:
    """The pooled vector of each article's sentences: the mean of its leading tokens."""
    model.eval()
    windows = [article_windows(sentences) for sentences in articles]
    result = np.zeros((len(articles), model.topics.in_features), np.float32)
    order = sorted(range(len(articles)), key=lambda i: len(windows[i]))
    for i in order:
        if windows[i]:
            result[i] = pooled(model, [windows[i]])[0].numpy()
    return result


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
    return pool(vectors, torch.from_numpy(owners), torch.from_numpy(weights), len(articles))
