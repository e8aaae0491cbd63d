"""Leaves of each attention head the dimensions that do most, once a model has learned its task.

A head's queries and keys meet in one product, and so do its values and what is made of them. Each
product is replaced by the nearest of a lower rank, near on the vectors that really come in: a
singular value decomposition of it between the roots of their covariances (as in Hsu et al. 2022,
Language model compression with weighted low-rank factorization, whose weights are Fisher's).
"""

import torch
from torch import Tensor, nn

from model import Attention, Model, SelfAttention
from observe import Moments, linear, observe, products
from windows import Window

FLOOR = 1e-7  # of the largest variance: directions that hardly occur


@torch.no_grad()
def lower(model: Model, size: int, batches: list[list[Window]]) -> None:
    """Leaves `size` dimensions of each head, by what comes in with the batches."""
    layers = model.encoder.encoder["layer"]
    parts = [layer.attention.self for layer in layers]
    moments = observe(model, batches, parts, products)
    for layer, seen in zip(layers, moments, strict=True):
        _lower(layer.attention, size, seen)


def _lower(attention: Attention, size: int, seen: Moments) -> None:
    own, out, mean = attention.self, attention.output.dense, seen.mean()
    root, inverse = _root(seen.covariance())
    # What a query makes of all keys alike falls out of the softmax: keys count from their mean.
    with_one = torch.zeros(len(mean) + 1, len(mean) + 1, dtype=mean.dtype, device=mean.device)
    with_one[:-1, :-1] = seen.mean_square()
    with_one[-1, :-1] = with_one[:-1, -1] = mean
    with_one[-1, -1] = 1
    query = _by_head(torch.cat([own.query.weight, own.query.bias[:, None]], 1), own)
    key = _by_head(own.key.weight, own)
    asked, answer = _factors(query.mT @ key, _root(with_one), (root, inverse), size)
    value, given = _by_head(own.value.weight, own), _by_head(out.weight.T, own)
    product = value.mT @ given
    plain = torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
    taken, told = _factors(product, (root, inverse), (plain, plain), size)
    # The softmax sums to one, so what is the same of all values is a bias of what comes out.
    same = mean @ product.sum(0) + own.value.bias.double() @ out.weight.T.double()
    own.query = _projection(asked[:, :-1], asked[:, -1])
    own.key = _projection(answer, -mean @ answer)
    own.value = _projection(taken, -mean @ taken)
    attention.output.dense = linear(
        told.transpose(0, 1).flatten(1).float(), out.bias + same.float()
    )
    own.size = size


def _by_head(weight: Tensor, attention: SelfAttention) -> Tensor:
    """(heads x size, in) as (heads, size, in)."""
    return weight.double().unflatten(0, (-1, attention.size))


def _root(square: Tensor) -> tuple[Tensor, Tensor]:
    """The root of a symmetric matrix, and its inverse."""
    values, vectors = torch.linalg.eigh(square)
    values = values.clamp(min=FLOOR * float(values.max())).sqrt()
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T


def _factors(
    product: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor], size: int
) -> tuple[Tensor, Tensor]:
    """Two factors of rank `size`, (heads, in, size), whose product is nearest between the roots."""
    left, values, right = torch.linalg.svd(rows[0] @ product @ columns[0])
    weight = values[:, None, :size].sqrt()
    return (
        rows[1] @ left[..., :size] * weight,
        columns[1] @ right.mT[..., :size] * weight,
    )


def _projection(factor: Tensor, bias: Tensor) -> nn.Linear:
    """(heads, in, size) and (heads, size) as the projection of all heads."""
    return linear(factor.mT.flatten(0, 1).float(), bias.flatten().float())
