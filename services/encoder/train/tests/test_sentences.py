"""Texts are cut, and long sentences read, as the program does it."""

import unittest

import numpy as np

from predict import overlapping
from sentences import split_sentences


def split(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in split_sentences(text)]


class Sentences(unittest.TestCase):
    """The cases of `services/encoder/src/sentence.rs`."""

    def test_abbreviations_and_initials_end_nothing(self) -> None:
        wanted = [
            "Gov. J. B. Smith of the U.S. Army met Dr. Zoë Ito.",
            "She left at 5 p.m.",
            "He stayed.",
        ]
        self.assertEqual(split(" ".join(wanted)), wanted)

    def test_lines_end_sentences_but_for_wrapped_ones(self) -> None:
        text = "Headline without stop\nThe body is wrapped\nhere. Next.\n\nlast paragraph"
        wanted = [
            "Headline without stop",
            "The body is wrapped\nhere.",
            "Next.",
            "last paragraph",
        ]
        self.assertEqual(split(text), wanted)

    def test_what_goes_on_in_lower_case_is_one_sentence(self) -> None:
        wanted = [
            "Zipped. ] (/ system",
            "It rained! He ran.",
            "So did“no.” She",
            "3.15 p.m. on foot",
        ]
        self.assertEqual(
            split("\n".join(wanted)),
            [wanted[0], "It rained!", "He ran.", "So did“no.”", "She", wanted[3]],
        )

    def test_sentences_end_at_marks_before_capitals_and_at_line_ends(self) -> None:
        self.assertEqual(
            split("It rained. He left at 3.15 p.m. on foot!\nNo comment “So be it.” She went"),
            ["It rained.", "He left at 3.15 p.m. on foot!", "No comment “So be it.”", "She went"],
        )

    def test_a_stop_behind_a_space_abbreviates_nothing(self) -> None:
        self.assertEqual(split("Enron Corp . Dr. (Mr. Roe"), ["Enron Corp .", "Dr. (Mr. Roe"])

    def test_sentences_cover_the_text(self) -> None:
        for text in (
            "",
            " \n",
            "Zoë 👩‍🚀 in Zürich. 東京です。次。",
            "a.\r\nB\u2028C",
            "(. .\n\n\nB",
        ):
            ranges = split_sentences(text)
            self.assertEqual("".join(text[slice(*place)] for place in ranges), text.lstrip())


class Overlapping(unittest.TestCase):
    def test_each_word_is_answered_for_once_and_no_window_is_too_long(self) -> None:
        lengths = np.array([1, 3, 2, 1, 1, 4, 1, 2, 2, 1, 3, 1, 1, 2, 1, 1, 5, 1, 1, 2])
        for limit in (6, 8, 16, 50):
            answered = []
            for start, end, owned in overlapping(lengths, limit):
                self.assertLessEqual(lengths[start:end].sum(), limit)
                answered += range(start, end)[owned]
            self.assertEqual(answered, list(range(len(lengths))))

    def test_words_at_a_cut_are_seen_from_both_sides(self) -> None:
        windows = list(overlapping(np.ones(20, int), 8))
        self.assertEqual([(start, end) for start, end, _ in windows], [(0, 8), (6, 14), (12, 20)])
        self.assertEqual(
            [(owned.start, owned.stop) for *_, owned in windows], [(0, 7), (1, 7), (1, 8)]
        )

    def test_a_word_that_is_too_long_stands_alone(self) -> None:
        windows = [(start, end) for start, end, _ in overlapping(np.array([9, 1, 9]), 4)]
        self.assertEqual(windows, [(0, 1), (1, 2), (2, 3)])
