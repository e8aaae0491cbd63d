"""Trains a model on a fixed list of batches, from checkpoint to checkpoint."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from device import DEVICE, autocast

WARM_UP = 0.06
SAVE_EVERY = 200


@dataclass
class Run:
    """One training run: what it is called, what it learns from, and how fast.

    The rates fall to the share `floor` of themselves.
    """

    name: str
    batches: list
    epochs: int
    rates: list[tuple[list[nn.Parameter], float]]
    losses: Callable[[list], dict[str, Tensor]]
    measure: Callable[[], dict[str, float]]
    cache: Path
    seed: int
    floor: float = 0.0


class Trainer:
    """AdamW with warm-up and linear decay, in bf16 autocast.

    An epoch is an equal part of the batches, after which the dev sets are measured.
    """

    def __init__(self, model: nn.Module, run: Run) -> None:
        self.model, self.run = model, run
        groups = [{"params": weights, "lr": rate} for weights, rate in run.rates]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
        steps = len(run.batches)
        warm_up = max(1, int(steps * WARM_UP))

        def rate(step: int) -> float:
            left = max(0.0, (steps - step) / (steps - warm_up))
            return min((step + 1) / warm_up, run.floor + (1 - run.floor) * left)

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)
        self.began, self.totals = time.monotonic(), {}

    def train(self) -> None:
        """Runs, or goes on with, all batches; leaves the model trained."""
        run, start = self.run, self.resume()
        ends = [len(run.batches) * (epoch + 1) // run.epochs for epoch in range(run.epochs)]
        progress = tqdm(range(start, len(run.batches)), run.name, mininterval=5)
        for step in progress:
            self.step(step)
            if (step + 1) in ends:
                self.log(ends.index(step + 1) + 1)
            if (step + 1) in ends or (step + 1) % SAVE_EVERY == 0:
                self.save(step + 1)

    def step(self, number: int) -> None:
        """Learns from one batch."""
        self.model.train()
        torch.manual_seed(self.run.seed * 100_000 + number)
        with autocast():
            losses = self.run.losses(self.run.batches[number])
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.schedule.step()
        for name, loss in losses.items():
            self.totals.setdefault(name, []).append(loss.detach())

    def log(self, epoch: int) -> None:
        """Measures, prints one line for the epoch and adds it to the log."""
        line = {
            "run": self.run.name,
            "epoch": epoch,
            "seconds": time.monotonic() - self.began,
            "loss": {
                name: float(torch.stack(values).mean()) for name, values in self.totals.items()
            },
            "dev": self.run.measure(),
        }
        self.totals = {}
        line = json.loads(json.dumps(line), parse_float=lambda text: round(float(text), 4))
        print(json.dumps(line), flush=True)
        with (self.run.cache / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self, step: int) -> None:
        """Keeps the state after `step` batches."""
        state = {
            "steps": [step, len(self.run.batches)],
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "totals": self.totals,
            "seconds": time.monotonic() - self.began,
        }
        torch.save(state, self.path().with_suffix(".new"))
        self.path().with_suffix(".new").replace(self.path())

    def resume(self) -> int:
        """Takes up an earlier run of the same length; returns the batch to go on with."""
        if not self.path().exists():
            return 0
        state = torch.load(self.path(), map_location=DEVICE, weights_only=True)
        step, steps = state["steps"]
        if steps != len(self.run.batches):
            return 0
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.totals = state["totals"]
        self.began = time.monotonic() - state["seconds"]
        print(f"{self.run.name}: going on from {self.path()} after batch {step}", flush=True)
        return step

    def path(self) -> Path:
        """The checkpoint."""
        return self.run.cache / f"{self.run.name}.pt"
