"""Writes the shipped model folder, and reads it back as the program does."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from calibrate import Calibration
from heads import head_size, heads_of, resized, standard
from meaning import Descriptions
from model import ACTIVATION, ATTENTION_HEADS, DROPOUT, HEAD, HIDDEN, TYPES, Model, student
from quantize import quantize
from sources import CYBER_TAGS, CYBER_THRESHOLDS, NEWS_TAGS, NEWS_THRESHOLDS
from taxonomy import NAME, Category
from text import load_tokenizer
from topics import POOL_TOKENS
from windows import Window

FILES = (
    "config.json",
    "heads.json",
    "heads.safetensors",
    "model.safetensors",
    "openvino_model.bin",
    "openvino_model.xml",
    "tokenizer.json",
)


@dataclass(frozen=True)
class Shipment:
    """What is said of a model: its name, and how its outputs are to be read."""

    name: str
    categories: list[Category]
    calibration: Calibration
    descriptions: Descriptions


def export(
    model: Model, tokenizer: Tokenizer, shipment: Shipment, sample: list[Window], folder: Path
) -> None:
    """Writes weights in both forms, tokenizer, configuration, heads and checksums.

    The int8 form chooses its scales on the windows `sample`. The version is the day and the
    beginning of the weights' checksum.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.cpu()
    weights = {
        name: value.to(torch.bfloat16).contiguous() for name, value in standard(model).items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    heads = _heads(model, shipment.calibration, shipment.descriptions)
    save_file(heads, folder / "heads.safetensors", metadata={"format": "pt"})
    for name in ("model.safetensors", "heads.safetensors"):
        (folder / name).chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    _write_json(folder / "config.json", _config(model))
    version = f"{date.today():%Y.%m.%d}.{_checksum(folder / 'model.safetensors')[:6]}"
    _write_json(folder / "heads.json", _describe_heads(model, shipment, version))
    quantize(model.encoder, sample, folder)
    sums = [f"{_checksum(folder / name)}  {name}\n" for name in FILES]
    (folder / "SHA256SUMS").write_text("".join(sums))


def load(folder: Path) -> tuple[Model, Tokenizer, dict]:
    """The model of a folder, computed in fp32 with the weights as they are shipped."""
    described = json.loads((folder / "heads.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    heads, size = config["heads"], config["head_size"]
    model = student(
        len(described["topics"]["categories"]), heads, size, config["intermediate_size"]
    )
    model.width = described["window"]["max_tokens"]
    weights = resized(load_file(folder / "model.safetensors"), HEAD, heads, size)
    model.encoder.load_state_dict({name: value.float() for name, value in weights.items()})
    heads = load_file(folder / "heads.safetensors")
    model.load_state_dict(heads, strict=False)
    return model.eval(), load_tokenizer(folder / "tokenizer.json"), described


def _heads(
    model: Model, calibration: Calibration, descriptions: Descriptions
) -> dict[str, torch.Tensor]:
    scale = torch.from_numpy(calibration.scale).float()
    shift = torch.from_numpy(calibration.shift).float()
    return {
        "news.weight": model.news.weight.detach().clone(),
        "news.bias": model.news.bias.detach().clone(),
        "cyber.weight": model.cyber.weight.detach().clone(),
        "cyber.bias": model.cyber.bias.detach().clone(),
        "topics.weight": model.topics.weight.detach() * scale[:, None],
        "topics.bias": model.topics.bias.detach() * scale + shift,
        "meaning.weight": model.meaning.weight.detach().clone(),
        "meaning.bias": model.meaning.bias.detach().clone(),
        "meaning.spread": torch.from_numpy(descriptions.spread).float(),
    }


def _config(model: Model) -> dict:
    return {
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": DROPOUT,
        "classifier_dropout": None,
        # Not BERT's: how many heads each layer has and what is left of them. The others are zeros.
        "heads": heads_of(model),
        "head_size": head_size(model),
        "hidden_act": ACTIVATION,
        "hidden_dropout_prob": DROPOUT,
        "hidden_size": HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": model.encoder.encoder["layer"][0].intermediate["dense"].out_features,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "bert",
        "num_attention_heads": ATTENTION_HEADS,
        "num_hidden_layers": len(model.encoder.encoder["layer"]),
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "torch_dtype": "bfloat16",
        "type_vocab_size": TYPES,
        "use_cache": False,
        "vocab_size": model.encoder.embeddings.word_embeddings.num_embeddings,
    }


def _describe_heads(model: Model, shipment: Shipment, version: str) -> dict:
    thresholds, descriptions = shipment.calibration.threshold, shipment.descriptions
    described = [
        {
            "code": category.code,
            "name": category.name,
            "path": list(category.path),
            "threshold": round(float(threshold), 3),
        }
        for category, threshold in zip(shipment.categories, thresholds, strict=True)
    ]
    return {
        "name": shipment.name,
        "version": version,
        "window": {"max_tokens": model.width},
        "ner": [
            {"name": "news", "tags": NEWS_TAGS, "thresholds": NEWS_THRESHOLDS},
            {"name": "cyber", "tags": CYBER_TAGS, "thresholds": CYBER_THRESHOLDS},
        ],
        "topics": {
            "name": "topics",
            "pool_tokens": POOL_TOKENS,
            "categories": described,
            "taxonomy": NAME,
        },
        "meaning": {
            "name": "meaning",
            "scale": round(descriptions.scale, 4),
            "shift": round(descriptions.shift, 4),
        },
    }


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
