"""Watches what goes into parts of an encoder, so that what does little there can be taken away."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from device import autocast
from model import Model
from predict import token_vectors
from windows import Window, collate

RIDGE = 1e-3  # of the mean variance

Square = Callable[[Tensor], Tensor]


@dataclass
class Moments:
    """The sums of vectors, and of what `square` makes of some, (tokens, size)."""

    square: Square
    tokens: int = 0
    vectors: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def add(self, vectors: Tensor) -> None:
        """Counts further vectors, (tokens, size)."""
        vectors = vectors.double()
        self.tokens += len(vectors)
        self.vectors += vectors.sum(0)
        self.squares += self.square(vectors)

    def mean(self) -> Tensor:
        """The mean vector."""
        return self.vectors / self.tokens

    def mean_square(self) -> Tensor:
        """The mean of the squares."""
        return self.squares / self.tokens

    def covariance(self) -> Tensor:
        """The covariances, where the squares are `products`."""
        return self.mean_square() - torch.outer(self.mean(), self.mean())


def products(vectors: Tensor) -> Tensor:
    """The sums of the products of all pairs of components, (size, size)."""
    return vectors.T @ vectors


def regression(moments: Moments, given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """What some components say of others: a matrix, (wanted, given), and a constant.

    The squares of the moments are `products`.
    """
    mean, covariance = moments.mean(), moments.covariance()
    among = covariance[given][:, given]
    among.diagonal().add_(RIDGE * among.diagonal().mean())
    weight = torch.linalg.solve(among, covariance[given][:, wanted]).T
    return weight, mean[wanted] - weight @ mean[given]


@torch.no_grad()
def observe(
    model: Model, batches: list[list[Window]], parts: list[nn.Module], square: Square
) -> list[Moments]:
    """Reads the batches; the moments of what goes into each part, but for padding."""
    moments = [Moments(square) for _ in parts]
    mask = torch.zeros(0, dtype=torch.bool)

    def watch(seen: Moments):
        return lambda _, inputs: seen.add(inputs[0][mask])

    pairs = zip(parts, moments, strict=True)
    hooks = [part.register_forward_pre_hook(watch(seen)) for part, seen in pairs]
    model.eval()
    for windows in batches:
        batch = collate(windows)
        mask = batch.mask
        with autocast():
            token_vectors(model, batch)
    for hook in hooks:
        hook.remove()
    return moments


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A projection of these weights, (out, in) and (out)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer
