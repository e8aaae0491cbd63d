"""Turns the trained encoder into OpenVINO's int8 form, the last step of training.

Products run in 8-bit integers, with scales taken from news that the encoder reads; the rest stays
in floating point. Heads are not part of it: they read its vectors as they read those of any engine.
"""

from pathlib import Path

import nncf
import numpy as np
import openvino as ov
import torch
from torch import Tensor, nn

from model import Encoder
from windows import Window, collate

BATCHES, WINDOWS = 300, 8
NAMES = ("ids", "types", "mask")


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
