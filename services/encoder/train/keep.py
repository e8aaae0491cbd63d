"""Keeps what takes long to calculate."""

from collections.abc import Callable
from pathlib import Path

import numpy as np


def keep(path: Path, make: Callable[[], np.ndarray]) -> None:
    """Makes and writes an array that is not there yet; a file that is there is whole."""
    if not path.exists():
        unfinished = path.with_suffix(".new.npy")
        np.save(unfinished, make())
        unfinished.replace(path)
