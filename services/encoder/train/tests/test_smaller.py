"""What is taken away from a model: what does nothing goes first, and then nothing changes."""

import unittest

import torch
from torch import Tensor

import samples
from adapt import adapt
from heads import heads_of, leave_heads, resized, standard
from lowrank import lower
from model import ATTENTION_HEADS, HEAD, HIDDEN, LAYERS, Model, pretrained
from narrow import narrow
from observe import Moments, observe, products
from predict import token_vectors
from windows import collate

WHOLE = (ATTENTION_HEADS,) * 2  # two layers of all heads


@torch.no_grad()
def read(model: Model) -> Tensor:
    """The vectors of all tokens that are not padding."""
    collated = [collate(windows) for windows in samples.window_batches()]
    return torch.cat([token_vectors(model, batch)[batch.mask] for batch in collated])


def distance(one: Tensor, other: Tensor) -> float:
    """The largest difference of two vectors, by their mean length."""
    return float((one - other).norm(dim=1).max() / one.norm(dim=1).mean())


@torch.no_grad()
def with_idle_neurons(model: Model, busy: range) -> None:
    """Lets all other inner neurons say the same of every word."""
    for layer in model.encoder.encoder["layer"]:
        into = layer.intermediate["dense"]
        idle = torch.ones(into.out_features, dtype=torch.bool)
        idle[list(busy)] = False
        into.weight[idle], into.bias[idle] = 0, 0.5


class Smaller(unittest.TestCase):
    def setUp(self) -> None:
        self.batches = samples.window_batches()

    def test_neurons_that_say_the_same_of_every_word_go_and_nothing_changes(self) -> None:
        model = samples.random_student(1, heads=WHOLE)
        with_idle_neurons(model, range(300, 400))
        before = read(model)
        narrow(model, 100, self.batches)
        sizes = [layer.output.dense.in_features for layer in model.encoder.encoder["layer"]]
        self.assertEqual(sizes, [100, 100])
        self.assertLess(distance(before, read(model)), 1e-3)

    def test_neurons_that_say_something_are_missed(self) -> None:
        model = samples.random_student(1, heads=WHOLE)
        with_idle_neurons(model, range(300, 400))
        before = read(model)
        narrow(model, 90, self.batches)
        self.assertGreater(distance(before, read(model)), 1e-3)

    def test_dimensions_that_a_head_does_not_use_go_and_nothing_changes(self) -> None:
        model = samples.random_student(2, heads=WHOLE)
        with torch.no_grad():
            for layer in model.encoder.encoder["layer"]:
                own = layer.attention.self
                for projection in (own.query, own.key, own.value):
                    # The same 24 directions of each head, in other coordinates.
                    for rows in projection.weight.split(HEAD):
                        rows.copy_(torch.randn(HEAD, 24) @ torch.randn(24, HIDDEN) / 24)
        before = read(model)
        lower(model, 32, self.batches)
        self.assertEqual(model.encoder.encoder["layer"][0].attention.self.size, 32)
        self.assertLess(distance(before, read(model)), 0.01)

    def test_heads_that_nothing_reads_go_first(self) -> None:
        model = samples.random_student(3, heads=WHOLE)
        idle = {0: (1, 4), 1: (5,)}
        with torch.no_grad():
            for place, heads in idle.items():
                out = model.encoder.encoder["layer"][place].attention.output.dense
                for head in heads:
                    out.weight[:, head * HEAD : (head + 1) * HEAD] = 0
        before = read(model)
        counts = (4, 5)
        leave_heads(model, counts, self.batches, self.batches)
        self.assertEqual(tuple(heads_of(model)), counts)
        self.assertLess(distance(before, read(model)), 1e-4)

    def test_a_standard_bert_of_what_is_left_says_the_same(self) -> None:
        heads = (3, 1)
        small = samples.random_student(4, heads=heads, size=32)
        state = standard(small)
        whole = samples.random_student(5, heads=WHOLE)
        whole.encoder.load_state_dict(state)
        # Both divide by the root of 64: what is cut off was zeros.
        self.assertLess(distance(read(small), read(whole)), 1e-5)
        for name, value in resized(state, HEAD, heads, 32).items():
            self.assertTrue(torch.equal(value, small.encoder.state_dict()[name]), name)

    def test_the_pretrained_form_is_that_of_its_weights(self) -> None:
        weights = samples.random_student(6, heads=(12,) * LAYERS, size=32).encoder.state_dict()
        model = pretrained(samples.TOPICS, weights)
        own = model.encoder.encoder["layer"][0].attention.self
        self.assertEqual((own.size, own.scale), (32, 32**-0.5))
        self.assertTrue(
            torch.equal(own.key.weight, weights["encoder.layer.0.attention.self.key.weight"])
        )
        hidden = torch.full((1, HIDDEN), -1.0)
        self.assertLess(float(model.encoder.encoder["layer"][0].inner(hidden).detach().min()), 0)

    def test_fewer_heads_and_another_activation_say_nearly_the_same(self) -> None:
        weights = samples.random_student(6, heads=(12,) * LAYERS, size=32).encoder.state_dict()
        source = pretrained(samples.TOPICS, weights).eval()
        plain = samples.random_student(7)
        plain.load_state_dict(source.state_dict())
        fitted = samples.random_student(8)
        adapt(source, fitted, self.batches)
        wanted = read(source)
        self.assertGreater(distance(wanted, read(plain)), 0.1)
        self.assertLess(distance(wanted, read(fitted)), distance(wanted, read(plain)) / 4)
        self.assertTrue(torch.equal(fitted.topics.weight, source.topics.weight))

    def test_moments_are_those_of_all_vectors_together(self) -> None:
        vectors = torch.randn(50, 4, dtype=torch.float64)
        moments = Moments(products)
        for part in vectors.split(20):
            moments.add(part)
        torch.testing.assert_close(moments.mean(), vectors.mean(0))
        torch.testing.assert_close(moments.covariance(), torch.cov(vectors.T, correction=0))

    def test_padding_is_not_observed(self) -> None:
        model = samples.random_student(6, heads=WHOLE)
        part = model.encoder.encoder["layer"][0].attention.self
        (padded,) = observe(model, self.batches, [part], products)
        alone = [[window] for batch in self.batches for window in batch]
        (plain,) = observe(model, alone, [part], products)
        self.assertEqual(padded.tokens, sum(map(len, samples.windows())))
        torch.testing.assert_close(padded.mean(), plain.mean(), rtol=0, atol=1e-6)
