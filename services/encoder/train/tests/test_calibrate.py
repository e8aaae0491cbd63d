"""Scores become probabilities, and topics what stands above them."""

import unittest

import numpy as np

import samples
from calibrate import UNSEEN, calibration_error, fit, fit_logistic, sigmoid, temperature
from taxonomy import Category
from text import split_words
from topics import shortened, target

CATEGORIES = [
    Category("01", "arts", "", ("01",)),
    Category("0101", "film", "", ("01", "0101")),
    Category("02", "crime", "", ("02",)),
    Category("0201", "law", "", ("02", "0201")),
]


class Probabilities(unittest.TestCase):
    def setUp(self) -> None:
        self.random = np.random.default_rng(1)

    def test_the_scale_and_shift_that_scores_were_drawn_with_are_found(self) -> None:
        logits = self.random.normal(0, 3, 40_000)
        gold = self.random.random(len(logits)) < sigmoid(0.5 * logits - 1)
        scale, shift = fit_logistic(logits, gold)
        self.assertAlmostEqual(scale, 0.5, delta=0.03)
        self.assertAlmostEqual(shift, -1, delta=0.05)
        scores = sigmoid(scale * logits + shift)
        self.assertLess(calibration_error(scores, gold), 0.01)
        self.assertGreater(calibration_error(sigmoid(logits), gold), 0.05)

    def test_the_temperature_of_tags_that_are_too_sure_is_found(self) -> None:
        right = self.random.normal(0, 2, (20_000, 5))
        right[:, 0] -= 20  # all of them are parts of entities
        odds = np.exp(right - right.max(1, keepdims=True))
        edges = (odds / odds.sum(1, keepdims=True)).cumsum(1)
        drawn = (self.random.random((len(right), 1)) > edges).sum(1).clip(max=4)
        self.assertAlmostEqual(temperature(right * 2, np.eye(5)[drawn]), 2, delta=0.06)

    def test_a_topic_without_an_article_hardly_comes_out(self) -> None:
        logits = self.random.normal(0, 2, (200, 4))
        gold = (logits + self.random.normal(0, 1, logits.shape) > 1).astype(float)
        seen = np.array([True, True, True, False])
        calibration = fit(logits, gold, CATEGORIES, seen)
        self.assertEqual(calibration.threshold[3], UNSEEN)
        self.assertTrue((calibration.threshold[:3] < UNSEEN).all())
        self.assertEqual(calibration.scale[0], calibration.scale[2])
        self.assertEqual(calibration.scale[1], calibration.scale[3])


class Topics(unittest.TestCase):
    def test_a_code_means_what_stands_above_it(self) -> None:
        self.assertEqual(target(["0201"], CATEGORIES).tolist(), [0, 0, 1, 1])
        self.assertEqual(target([], CATEGORIES).tolist(), [0, 0, 0, 0])

    def test_an_opening_has_at_least_a_sentence(self) -> None:
        words = split_words(samples.TOKENIZER, ["one two three", "four", "five six"])
        kept = {limit: len(shortened(words, limit)) for limit in (1, 3, 4, 5, 9)}
        self.assertEqual(kept, {1: 1, 3: 1, 4: 2, 5: 2, 9: 3})
