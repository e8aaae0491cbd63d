"""A model is as wary of cyber names as ordinary news asks for."""

import unittest

import numpy as np

import samples
from caution import STEPS, WORDS_A_NAME, caution, wary
from data import Sentence
from lessons import attacked
from sources import CYBER_TAGS
from text import split_words


def named(words: int, probability: float) -> np.ndarray:
    """Log probabilities of a sentence whose second word is malware with this probability."""
    rows = np.full((words, len(CYBER_TAGS)), 1e-6)
    rows[:, 0] = 1
    rows[1, [0, CYBER_TAGS.index("B-MALWARE")]] = 1 - probability, probability
    return np.log(rows / rows.sum(1, keepdims=True))


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

    def test_one_word_of_an_attack_makes_its_whole_document_no_ordinary_news(self) -> None:
        texts = {"a": ["Snow fell on Oslo.", "The gang used malware."], "b": ["Snow fell, too."]}
        rows = [
            Sentence(words, np.zeros((len(words), 1)), document)
            for document, sentences in texts.items()
            for words in split_words(samples.TOKENIZER, sentences)
        ]
        self.assertEqual(attacked(rows, samples.TOKENIZER), {"a"})
