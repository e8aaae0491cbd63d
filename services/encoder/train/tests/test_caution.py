"""A model is as wary of cyber names as ordinary news asks for."""

import unittest
from types import SimpleNamespace

import numpy as np

import samples
from annotated import held_out
from caution import STEPS, WORDS_A_NAME, caution, wary
from data import Sentence, unlabelled
from sources import CYBER_TAGS
from text import split_words
from train import READ_AT_MOST, ordinary


def named(words: int, probability: float) -> np.ndarray:
    """Log probabilities of a sentence whose second word is malware with this probability."""
    rows = np.full((words, len(CYBER_TAGS)), 1e-6)
    rows[:, 0] = 1
    rows[1, [0, CYBER_TAGS.index("B-MALWARE")]] = 1 - probability, probability
    return np.log(rows / rows.sum(1, keepdims=True))


def document(name: str, texts: list[str]) -> list[Sentence]:
    """Sentences of which nothing is known."""
    return [unlabelled(words, name) for words in split_words(samples.TOKENIZER, texts)]


class Caution(unittest.TestCase):
    def test_names_in_ordinary_news_make_it_wary(self) -> None:
        self.assertEqual(caution([named(10, 0.25)]), 0.0)
        # The odds of 0.4 less half a logit are those of 0.29, which is under the threshold of 0.3.
        self.assertEqual(caution([named(10, 0.4)]), 0.5)
        self.assertEqual(caution([named(10, 0.999)]), STEPS[-1])

    def test_one_name_in_many_words_is_let_be(self) -> None:
        quiet = named(WORDS_A_NAME, 1e-6)
        self.assertEqual(caution([named(10, 0.999), quiet]), 0.0)
        self.assertEqual(caution([named(10, 0.4), named(10, 0.4), quiet]), 0.5)

    def test_log_odds_fall_by_the_step_and_probabilities_stay_such(self) -> None:
        before = named(3, 0.4)
        after = wary(before, 0.5)
        np.testing.assert_allclose(np.exp(after).sum(1), 1)
        np.testing.assert_allclose(after[:, 1:] - after[:, :1], before[:, 1:] - before[:, :1] - 0.5)

    def test_ordinary_news_is_what_nobody_learns_from_and_no_attack(self) -> None:
        unread = [name for name in map(str, range(50)) if not held_out(name, READ_AT_MOST)]
        read = next(name for name in map(str, range(50)) if held_out(name, READ_AT_MOST))
        snow, more = "Snow fell on Oslo.", "It was cold."
        annotated, attack, calm = unread[:3]
        texts = {
            read: [snow, more],
            annotated: [snow, "The mayor wept."],
            attack: [snow, "The gang used malware."],
            calm: [snow, more],
        }
        corpus = SimpleNamespace(
            plain={"gmb": [row for item in texts.items() for row in document(*item)]},
            unlabelled=[],
            sentences={"openings": document("opening", ["The mayor wept."])},
            tokenizer=samples.TOKENIZER,
        )
        rows = ordinary(corpus)
        self.assertEqual([row.document for row in rows], [calm, calm])
