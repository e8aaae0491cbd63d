"""Measures how fast this machine multiplies matrices, by oneDNN: the limit of any model on it.

The shapes are those of the encoder's layers, with as many rows as a batch has tokens. Of 8 bits,
activations are unsigned and weights signed: what processors with VNNI are fastest at. Prints a JSON
object: billions of operations a second, by the numbers that are multiplied and by shape.
"""

import argparse
import json
import time
from collections.abc import Callable

import torch

ROUNDS = 7
ROUND_SECONDS = 0.25

Multiply = Callable[[], torch.Tensor]


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("shapes", nargs="+", help="INPUTSxOUTPUTS, e.g. 384x1536")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    makers = {"int8": int8, "bf16": bf16}
    rates = {name: {} for name in makers}
    for shape in args.shapes:
        inputs, outputs = (int(size) for size in shape.split("x"))
        operations = 2 * args.rows * inputs * outputs
        for name, make in makers.items():
            seconds = fastest(make(args.rows, inputs, outputs))
            rates[name][shape] = operations / seconds / 1e9
    print(json.dumps(rates))


def bf16(rows: int, inputs: int, outputs: int) -> Multiply:
    """A product in bf16."""
    left = torch.randn(rows, inputs).bfloat16()
    right = torch.randn(inputs, outputs).bfloat16()
    return lambda: left @ right


def int8(rows: int, inputs: int, outputs: int) -> Multiply:
    """A product of unsigned and signed bytes, scaled back to bytes, as a layer hands it on."""
    left = torch.randint(0, 255, (rows, inputs), dtype=torch.uint8)
    right = torch.randint(-127, 127, (outputs, inputs), dtype=torch.int8)
    weights = torch.ops.onednn.qlinear_prepack(right, [rows, inputs])
    scales, zeros = torch.full((outputs,), 0.01), torch.zeros(outputs, dtype=torch.int64)

    def multiply() -> torch.Tensor:
        return torch.ops.onednn.qlinear_pointwise(
            left, 0.01, 128, weights, scales, zeros, None, 0.1, 128, None, "none", [], ""
        )

    return multiply


@torch.inference_mode()
def fastest(multiply: Multiply) -> float:
    """Seconds that one product takes: the best of rounds, since disturbances only slow down."""
    rounds = []
    for _ in range(ROUNDS):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < ROUND_SECONDS:
            multiply()
            count += 1
        rounds.append((time.perf_counter() - start) / count)
    return min(rounds)


if __name__ == "__main__":
    main()
