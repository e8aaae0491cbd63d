"""Turns the trained encoder into OpenVINO's int8 form, the last step of training.

Products run in 8-bit integers, with scales taken from news that the encoder reads; the rest stays
in floating point. Heads are not part of it: they read its vectors as they read those of any engine.
"""

from pathlib import Path

import nncf
import numpy as np
import openvino as ov
import torch
from openvino import Node, Output
from openvino import opset13 as operations
from torch import Tensor, nn

from model import Encoder
from windows import Window, collate

BATCHES, WINDOWS = 300, 8
NAMES = ("ids", "types", "mask")
LEVELS = 256
# Of an attention's values as many are within its scale; the few beyond would make it too coarse.
INSIDE = 0.9999
WORDS = "__module.encoder.embeddings.word_embeddings/aten::embedding/Gather"


class Exported(nn.Module):
    """The encoder with a mask of integers, as the program passes it."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        """Vectors of shape (windows, tokens, hidden) for three arrays of (windows, tokens)."""
        return self.encoder(ids, types, mask.bool())


def quantize(encoder: Encoder, windows: list[Window], folder: Path) -> None:
    """Writes `openvino_model.xml` and `.bin`; `windows` are what it chooses its scales on."""
    model = to_openvino(encoder)
    windows = windows[: BATCHES * WINDOWS]
    batches = [inputs(windows[i : i + WINDOWS]) for i in range(0, len(windows), WINDOWS)]
    quantized = nncf.quantize(
        model,
        nncf.Dataset(batches),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(batches),
    )
    mix_in_integers(quantized, value_limits(encoder, windows[:BATCHES]))
    widen_rows_only(quantized)
    ov.save_model(quantized, folder / "openvino_model.xml")


def to_openvino(encoder: Encoder) -> ov.Model:
    """The encoder as a graph that takes any number of windows of any length."""
    example = tuple(torch.ones(2, 16, dtype=torch.long) for _ in NAMES)
    shapes = [ov.PartialShape([-1, -1]) for _ in NAMES]
    model = ov.convert_model(Exported(encoder.cpu().eval()), example_input=example, input=shapes)
    for port, name in zip(model.inputs, NAMES, strict=True):
        port.get_tensor().set_names({name})
    model.outputs[0].get_tensor().set_names({"vectors"})
    return model


def inputs(windows: list[Window]) -> dict[str, np.ndarray]:
    """A batch as the graph takes it."""
    batch = collate(windows)
    arrays = (batch.ids, batch.types, batch.mask.long())
    return {name: array.numpy(force=True) for name, array in zip(NAMES, arrays, strict=True)}


def mix_in_integers(model: ov.Model, limits: list[float]) -> None:
    """Lets each attention mix its values in integers, too, which NNCF leaves in floating point.

    A token's shares are from 0 to 1, so their scale is known. `limits` are those of the values, in
    absolute terms, by layer.
    """
    attentions = [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "ScaledDotProductAttention"
    ]
    for attention, limit in zip(attentions, limits, strict=True):
        query, key, value, bias = (attention.input_value(place) for place in range(4))
        # The projection's own output takes the scale: what splits it by head moves bytes then.
        split = value.get_node().input_value(0).get_node()
        projected = split.input(0)
        projected.replace_source_output(
            _rounded(projected.get_source_output(), -limit, limit * (1 - 2 / LEVELS))
        )
        scores = operations.add(operations.matmul(query, key, False, True), bias)
        shares = _rounded(operations.softmax(scores, -1).output(0), 0, 1)
        mixed = operations.matmul(shares, value, False, False)
        _take_place(mixed, attention)


def widen_rows_only(model: ov.Model) -> None:
    """Widens vectors of words once they are looked up: their table stays in integers in memory.

    As NNCF leaves it OpenVINO would widen the whole table when it compiles the model.
    """
    lookup = next(node for node in model.get_ops() if node.get_friendly_name() == WORDS)
    scaled, places, axis = lookup.input_values()
    widened, scales = scaled.get_node().input_values()
    table = widened.get_node().input_value(0)
    rows = operations.convert(operations.gather(table, places, axis), "f32")
    rows = operations.multiply(rows, operations.gather(scales, places, axis))
    _take_place(rows, lookup)


def _take_place(new: Node, old: Node) -> None:
    """Lets all that reads the output of a node read another's."""
    for reader in old.output(0).get_target_inputs():
        reader.replace_source_output(new.output(0))


def _rounded(values: Output, low: float, high: float) -> Output:
    """The values on a scale of 8 bits."""
    bounds = [operations.constant(np.float32(bound)) for bound in (low, high, low, high)]
    return operations.fake_quantize(values, *bounds, LEVELS).output(0)


@torch.inference_mode()
def value_limits(encoder: Encoder, windows: list[Window]) -> list[float]:
    """What each layer's values hardly ever exceed, in absolute terms."""
    projections = [layer.attention.self.value for layer in encoder.encoder["layer"]]
    seen: list[list[Tensor]] = [[] for _ in projections]

    def watch(values: list[Tensor]):
        return lambda _, __, projected: values.append(projected.abs().flatten())

    hooks = [
        projection.register_forward_hook(watch(values))
        for projection, values in zip(projections, seen, strict=True)
    ]
    for window in windows:
        batch = collate([window])
        encoder(*(array.cpu() for array in (batch.ids, batch.types, batch.mask)))
    for hook in hooks:
        hook.remove()
    sizes = [torch.cat(values) for values in seen]
    return [float(size.kthvalue(int(len(size) * INSIDE)).values) for size in sizes]
