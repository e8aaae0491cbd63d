"""Takes away the attention heads that a model hardly misses, once it has learned its task.

Most heads of a trained model can go one by one, and many together (Michel et al. 2019, Are sixteen
heads really better than one?). What the others of a layer say of a head that goes, by linear
regression on the texts that come in, goes into the layer's output in its place.
"""

import copy
import re
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from device import autocast
from model import ATTENTION_HEADS, HEAD, Attention, Model
from observe import Moments, linear, observe, products, regression
from predict import token_vectors
from windows import Window, collate

STEP = 3  # heads that go before all are judged again, each of another layer
TOPICS_WEIGHT, VECTOR_WEIGHT = 2e-3, 3e-3  # beside the divergence of the tags


@torch.no_grad()
def leave_heads(
    model: Model, counts: Sequence[int], judged: list[list[Window]], seen: list[list[Window]]
) -> None:
    """Leaves so many heads in each layer.

    Those go whose absence changes least of what the model says of the batches `judged`; `seen` are
    those that the regression is fitted on.
    """
    layers = model.encoder.encoder["layer"]
    before = said(model, judged)
    while any(left > count for left, count in zip(heads_of(model), counts, strict=True)):
        parts = [layer.attention.output.dense for layer in layers]
        moments = observe(model, seen, parts, products)
        costs = sorted(_costs(model, counts, moments, before, judged))
        touched: set[int] = set()
        for _, place, head in costs:
            if place not in touched and len(touched) < STEP:
                touched.add(place)
                layers[place].attention = without(layers[place].attention, head, moments[place])


def heads_of(model: Model) -> list[int]:
    """How many heads each layer has."""
    attentions = [layer.attention.self for layer in model.encoder.encoder["layer"]]
    return [own.query.out_features // own.size for own in attentions]


def _costs(
    model: Model,
    counts: Sequence[int],
    moments: list[Moments],
    before: list[Tensor],
    judged: list[list[Window]],
) -> Iterator[tuple[float, int, int]]:
    """How much changes without each head that may go, with its layer and its place there."""
    layers = model.encoder.encoder["layer"]
    for place, (layer, heads) in enumerate(zip(layers, heads_of(model), strict=True)):
        whole = layer.attention
        for head in range(heads if heads > counts[place] else 0):
            layer.attention = without(whole, head, moments[place])
            yield change(before, said(model, judged)), place, head
        layer.attention = whole


def said(model: Model, batches: list[list[Window]]) -> list[Tensor]:
    """What a model says of each token: both heads' tags, the topics, and the vector itself."""
    model.eval()
    parts = []
    for windows in batches:
        batch = collate(windows)
        with autocast():
            vectors = token_vectors(model, batch)[batch.mask]
            tags = [head(vectors).float().log_softmax(1) for head in (model.news, model.cyber)]
            parts.append([*tags, model.topics(vectors).float(), vectors.float()])
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def change(before: list[Tensor], after: list[Tensor]) -> float:
    """The Kullback-Leibler divergence of the tags, and a little of what else is different."""
    tags = sum(
        (old.exp() * (old - new)).sum(1).mean()
        for old, new in zip(before[:2], after[:2], strict=True)
    )
    topics = (before[2] - after[2]).square().mean()
    vector = (before[3] - after[3]).square().sum(1) / before[3].square().sum(1)
    return float(tags + TOPICS_WEIGHT * topics + VECTOR_WEIGHT * vector.mean())


def without(attention: Attention, head: int, moments: Moments) -> Attention:
    """A copy without a head, by the moments of what goes into the output."""
    attention = copy.deepcopy(attention)
    own, out, size = attention.self, attention.output.dense, attention.self.size
    places = torch.arange(out.in_features, device=out.weight.device)
    gone = places[head * size : (head + 1) * size]
    kept = torch.cat([places[: head * size], places[(head + 1) * size :]])
    told, constant = regression(moments, kept, gone)
    weight = out.weight.double()
    attention.output.dense = linear(
        weight[:, kept] + weight[:, gone] @ told, out.bias + weight[:, gone] @ constant
    )
    for name in ("query", "key", "value"):
        projection: nn.Linear = getattr(own, name)
        setattr(own, name, linear(projection.weight[kept], projection.bias[kept]))
    return attention


LAYER = re.compile(r".+\.(\d+)\.attention\..+")
INTO = re.compile(r".+\.attention\.self\.(query|key|value)\.(weight|bias)")
OUT = re.compile(r".+\.attention\.output\.dense\.weight")


def resized(
    state: dict[str, Tensor], size: int, heads: Sequence[int], new_size: int
) -> dict[str, Tensor]:
    """An encoder's weights with so many `heads` in each layer, of `new_size` dimensions in place of
    `size`: cut off, or filled up with zeros.

    A standard BERT divides its vectors among its heads, the same in each layer, so it has heads and
    dimensions of zeros.
    """

    def resize(rows: Tensor, count: int) -> Tensor:
        old = rows.unflatten(0, (-1, size))[:count, :new_size]
        new = old.new_zeros(count, new_size, *old.shape[2:])
        new[: old.shape[0], : old.shape[1]] = old
        return new.flatten(0, 1)

    result = dict(state)
    for name, value in state.items():
        if not (layer := LAYER.fullmatch(name)):
            continue
        count = heads[int(layer[1])]
        if INTO.fullmatch(name):
            result[name] = resize(value, count)
        elif OUT.fullmatch(name):
            result[name] = resize(value.T, count).T
    return result


def standard(model: Model) -> dict[str, Tensor]:
    """An encoder's weights as those of a standard BERT."""
    state = model.encoder.state_dict()
    heads = [ATTENTION_HEADS] * len(heads_of(model))
    return resized(state, head_size(model), heads, HEAD)


def head_size(model: Model) -> int:
    """The dimensions of a head."""
    return model.encoder.encoder["layer"][0].attention.self.size
