"""The worker that most people write: articles from Kafka, through transformers, back to Kafka.

Offsets are committed once a batch is delivered: at least once.
"""

import argparse
import json
from pathlib import Path

import torch
from confluent_kafka import Consumer, Message, Producer

from bert import Desk

ARTICLES = 16
WAIT_S = 0.05


def main() -> None:
    """Runs the command line, until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--input", required=True, help="topic to read")
    parser.add_argument("--output", required=True, help="topic to write")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--batch-size", type=int, default=16)
    args = parser.parse_args()
    desk = Desk(args.model, getattr(torch, args.dtype), args.batch_size)
    consumer, producer = connect(args)
    while True:
        messages = consumer.consume(ARTICLES, timeout=WAIT_S)
        messages = [message for message in messages if not message.error()]
        if messages:
            for message, record in zip(messages, enrich(desk, messages), strict=True):
                producer.produce(args.output, json.dumps(record), message.key())
            producer.flush()
            consumer.commit(asynchronous=False)


def connect(args: argparse.Namespace) -> tuple[Consumer, Producer]:
    """Clients of the brokers; the consumer has subscribed."""
    consumer = Consumer(
        {
            "bootstrap.servers": args.brokers,
            "group.id": args.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([args.input])
    producer = Producer({"bootstrap.servers": args.brokers, "compression.type": "zstd"})
    return consumer, producer


def enrich(desk: Desk, messages: list[Message]) -> list[dict]:
    """The articles with their entities and topics."""
    articles = [json.loads(message.value()) for message in messages]
    texts = [article["text"] for article in articles]
    found = zip(articles, desk.entities(texts), desk.categories(texts), strict=True)
    return [article | {"entities": e, "topics": t} for article, e, t in found]


if __name__ == "__main__":
    main()
