"""Watches what goes into parts of an encoder, so that what does little there can be taken away."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from device import autocast
from model import Model
from predict import token_vectors
from windows import Window, collate


@torch.no_grad()
def observe(
    model: Model, batches: list[list[Window]], parts: list[tuple[nn.Module, Callable]]
) -> None:
    """Reads the batches, and hands each part's input, (tokens, size), to what goes with the part.

    Padding is left out.
    """
    mask = torch.zeros(0, dtype=torch.bool)

    def watch(see: Callable[[Tensor], None]):
        return lambda _, inputs: see(inputs[0][mask])

    hooks = [part.register_forward_pre_hook(watch(see)) for part, see in parts]
    model.eval()
    for windows in batches:
        batch = collate(windows)
        mask = batch.mask
        with autocast():
            token_vectors(model, batch)
    for hook in hooks:
        hook.remove()


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A projection of these weights, (out, in) and (out)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer
