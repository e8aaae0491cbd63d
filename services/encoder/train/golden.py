"""Writes the vectors that the Rust encoder is tested against, by the shipped weights in fp32.

    python3 services/encoder/train/golden.py services/encoder/models \\
        services/encoder/tests/golden.json
"""

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

from export import load
from model import Model
from predict import pooled, token_vectors
from text import split_words
from windows import build, collate

TEXTS = (
    "Zoë 👩‍🚀 in Zürich",
    "On Tuesday, President Ama Mensah opened the $4.5m Volta Bridge near Ho, Ghana.",
    "U.S. prosecutors say the Lazarus Group’s WannaCry ransomware hit 150 countries in May 2017.",
    "TEACHERS’ UNION CALLS STRIKE AT 300 KENYAN SCHOOLS",
    "shares in tesla fell 3% after elon musk’s tweet, the cafe owner’s iPhone said",
    "東京 and naïve İstanbul: 2½ days,\tno e-mail…",
)
VALUES = 8


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="model folder")
    parser.add_argument("out", type=Path, help="file to write")
    args = parser.parse_args()
    model, tokenizer, _ = load(args.folder)
    cases = [golden_case(model, tokenizer, text) for text in TEXTS]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(f"[\n{lines}\n]\n")


@torch.inference_mode()
def golden_case(model: Model, tokenizer: Tokenizer, text: str) -> dict:
    """What the encoder and its heads give for a text in a window of its own."""
    words = split_words(tokenizer, [text])[0]
    window = build([words])
    batch = collate([window])
    vectors = token_vectors(model, batch)[0]
    topics = model.topics(pooled(model, [[window]]))[0].sigmoid()
    positions = [0, len(window) // 2, len(window) - 1]
    return {
        "text": text,
        "ids": window.ids.tolist(),
        "type_ids": window.types.tolist(),
        "words": [list(span) for span in words.spans],
        "first_tokens": window.heads.tolist(),
        "vectors": [
            {"position": i, "values": [round(x, 5) for x in vectors[i, :VALUES].tolist()]}
            for i in positions
        ],
        "topics": [round(x, 5) for x in topics.tolist()],
    }


if __name__ == "__main__":
    main()
