"""Entities and topics by transformers, without Kafka: JSON lines in, JSON lines out, in order.

A line `{}` comes first, once the model is loaded and warm.
"""

import argparse
import json
import sys
from itertools import islice
from pathlib import Path

import torch

from bert import Desk

ARTICLES = 16


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--batch-size", type=int, default=16)
    args = parser.parse_args()
    desk = Desk(args.model, getattr(torch, args.dtype), args.batch_size)
    enrich(desk, ["Ama Mensah opened a bridge near Akosombo on Tuesday."])
    print("{}", flush=True)
    while lines := list(islice(sys.stdin, ARTICLES)):
        for answer in enrich(desk, [json.loads(line)["text"] for line in lines]):
            print(json.dumps(answer), flush=True)


def enrich(desk: Desk, texts: list[str]) -> list[dict]:
    """What a record says of each text."""
    found = zip(desk.entities(texts), desk.categories(texts), strict=True)
    return [{"entities": entities, "topics": topics} for entities, topics in found]


if __name__ == "__main__":
    main()
