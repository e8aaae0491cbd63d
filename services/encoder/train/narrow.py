"""Takes away the inner neurons of an encoder that do least, once it has begun to learn its task.

A neuron behind a ReLU is mostly silent, or says the same of every word. What varies in it, weighed
by what the next projection makes of it, is what it does; the mean of what goes is kept as a bias.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from device import autocast
from model import Model
from predict import token_vectors
from windows import Window, collate


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
        layer.intermediate["dense"] = _linear(into.weight[kept], into.bias[kept])
        layer.output.dense = _linear(out.weight[:, kept], out.bias + constant)


def _activities(model: Model, batches: list[list[Window]]) -> list[Activity]:
    """Of each layer, over the tokens of the batches but for padding."""
    layers = model.encoder.encoder["layer"]
    activities = [Activity() for _ in layers]
    mask = torch.zeros(0, dtype=torch.bool)

    def watch(activity: Activity):
        return lambda _, inputs: activity.add(inputs[0][mask])

    hooks = [
        layer.output.dense.register_forward_pre_hook(watch(activity))
        for layer, activity in zip(layers, activities, strict=True)
    ]
    model.eval()
    for windows in batches:
        batch = collate(windows)
        mask = batch.mask
        with autocast():
            token_vectors(model, batch)
    for hook in hooks:
        hook.remove()
    return activities


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
    return layer
