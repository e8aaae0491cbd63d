"""A run that is stopped and goes on ends with the same weights as one that is not."""

import json
import tempfile
import unittest
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import samples
from trainer import SAVE_EVERY, Run, Trainer

STEPS, EPOCHS = SAVE_EVERY * 2 + 50, 3


class Stopped(Exception):
    """Stands for a kill."""


def batches() -> list[Tensor]:
    random = torch.Generator().manual_seed(1)
    return list(torch.randn(STEPS, 16, 8, generator=random))


def trainer(cache: Path, steps: list[Tensor], stop_at: int | None = None) -> Trainer:
    """A small model that learns to add up its input, with dropout so that chance plays a part."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, 1))
    done = 0

    def losses(batch: Tensor) -> dict[str, Tensor]:
        nonlocal done
        if done == stop_at:
            raise Stopped
        done += 1
        return {"sum": functional.mse_loss(model(batch).float(), batch.sum(1, keepdim=True))}

    return Trainer(
        model,
        Run(
            name="adder",
            batches=steps,
            epochs=EPOCHS,
            rates=[(list(model.parameters()), 0.01)],
            losses=losses,
            measure=lambda: {"weight": float(model[1].weight.mean())},
            cache=cache,
            seed=5,
        ),
    )


def lines(cache: Path) -> list[dict]:
    """The log."""
    return [json.loads(line) for line in (cache / "log.jsonl").read_text().splitlines()]


class Resuming(unittest.TestCase):
    def setUp(self) -> None:
        stack = samples.quiet()
        self.addCleanup(stack.close)
        self.cache = Path(stack.enter_context(tempfile.TemporaryDirectory()))

    def weights_of_a_whole_run(self) -> Tensor:
        cache = self.cache / "whole"
        cache.mkdir()
        whole = trainer(cache, batches())
        whole.train()
        return whole.model[1].weight.detach()

    def test_a_run_that_was_stopped_ends_with_the_same_weights(self) -> None:
        with self.assertRaises(Stopped):
            trainer(self.cache, batches(), stop_at=SAVE_EVERY + 70).train()
        again = trainer(self.cache, batches())
        again.train()
        torch.testing.assert_close(
            again.model[1].weight.detach(), self.weights_of_a_whole_run(), rtol=0, atol=0
        )

    def test_the_line_of_an_epoch_that_was_stopped_in_is_of_all_its_batches(self) -> None:
        whole = self.cache / "whole"
        self.weights_of_a_whole_run()
        with self.assertRaises(Stopped):
            trainer(self.cache, batches(), stop_at=SAVE_EVERY + 70).train()
        trainer(self.cache, batches()).train()
        self.assertEqual(
            *([line["loss"] for line in lines(cache)] for cache in (self.cache, whole))
        )

    def test_a_run_that_has_ended_is_taken_as_it_is(self) -> None:
        trainer(self.cache, batches()).train()
        again = trainer(self.cache, batches(), stop_at=0)
        again.train()
        torch.testing.assert_close(
            again.model[1].weight.detach(), self.weights_of_a_whole_run(), rtol=0, atol=0
        )

    def test_a_run_of_another_length_starts_anew(self) -> None:
        trainer(self.cache, batches()[: SAVE_EVERY + 10]).train()
        self.assertEqual(trainer(self.cache, batches()).resume(), 0)

    def test_each_epoch_has_a_line(self) -> None:
        trainer(self.cache, batches()).train()
        log = lines(self.cache)
        self.assertEqual([line["epoch"] for line in log], [1, 2, 3])
        losses = [line["loss"]["sum"] for line in log]
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertEqual(set(log[0]), {"run", "epoch", "seconds", "loss", "dev"})
