"""Takes away the inner neurons of an encoder that do least, once it has begun to learn its task.

A neuron behind a ReLU is mostly silent, or says the same of every word. What varies in it, weighed
by what the next projection makes of it, is what it does; the mean of what goes is kept as a bias.
"""

import torch

from model import Model
from observe import linear, observe
from windows import Window


@torch.no_grad()
def narrow(model: Model, inner: int, batches: list[list[Window]]) -> None:
    """Leaves `inner` neurons in each layer, by what they do on the batches."""
    layers = model.encoder.encoder["layer"]
    parts = [layer.output.dense for layer in layers]
    activities = observe(model, batches, parts, lambda values: values.square().sum(0))
    for layer, activity in zip(layers, activities, strict=True):
        into, out = layer.intermediate["dense"], layer.output.dense
        variance = activity.mean_square() - activity.mean().square()
        effect = variance * out.weight.double().square().sum(0)
        order = effect.argsort(descending=True)
        kept, gone = order[:inner].sort().values, order[inner:]
        constant = out.weight[:, gone] @ activity.mean()[gone].float()
        layer.intermediate["dense"] = linear(into.weight[kept], into.bias[kept])
        layer.output.dense = linear(out.weight[:, kept], out.bias + constant)
