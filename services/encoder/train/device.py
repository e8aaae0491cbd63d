"""Where training computes: on a GPU where there is one, else on the CPU."""

import numpy as np
import torch
from torch import Tensor

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tensor(array: np.ndarray) -> Tensor:
    """The array as a tensor where the models are."""
    return torch.from_numpy(array).to(DEVICE, non_blocking=True)


def autocast() -> torch.autocast:
    """Products in bf16, the rest as it is."""
    return torch.autocast(DEVICE.type, torch.bfloat16)
