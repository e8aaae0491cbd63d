"""Takes away the inner neurons of an encoder that do least, once it has begun to learn its task.

A neuron behind a ReLU is mostly silent, or says the same of every word. What varies in it, weighed
by what the next projection makes of it, is what it does; the mean of what goes is kept as a bias.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from model import Model
from observe import linear, observe
from windows import Window


@dataclass
class Activity:
    """Of each inner neuron of a layer, the sums of its values and of their squares."""

    tokens: int = 0
    values: Tensor | float = 0.0
    squares: Tensor | float = 0.0

    def add(self, values: Tensor) -> None:
        """Counts further tokens, (tokens, inner)."""
        values = values.double()
        self.tokens += len(values)
        self.values += values.sum(0)
        self.squares += values.square().sum(0)

    def mean(self) -> Tensor:
        """The mean value of each neuron."""
        return self.values / self.tokens

    def variance(self) -> Tensor:
        """The variance of each neuron."""
        return self.squares / self.tokens - self.mean().square()


@torch.no_grad()
def narrow(model: Model, inner: int, batches: list[list[Window]]) -> None:
    """Leaves `inner` neurons in each layer, by what they do on the batches."""
    layers = model.encoder.encoder["layer"]
    for layer, activity in zip(layers, _activities(model, batches), strict=True):
        into, out = layer.intermediate["dense"], layer.output.dense
        effect = activity.variance() * out.weight.double().square().sum(0)
        order = effect.argsort(descending=True)
        kept, gone = order[:inner].sort().values, order[inner:]
        constant = out.weight[:, gone] @ activity.mean()[gone].float()
        layer.intermediate["dense"] = linear(into.weight[kept], into.bias[kept])
        layer.output.dense = linear(out.weight[:, kept], out.bias + constant)


def _activities(model: Model, batches: list[list[Window]]) -> list[Activity]:
    """Of each layer, over the tokens of the batches but for padding."""
    layers = model.encoder.encoder["layer"]
    activities = [Activity() for _ in layers]
    pairs = zip(layers, activities, strict=True)
    observe(model, batches, [(layer.output.dense, activity.add) for layer, activity in pairs])
    return activities
