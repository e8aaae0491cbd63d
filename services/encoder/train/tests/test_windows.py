"""Text becomes words and windows, and every word keeps what is wanted of it."""

import random
import unittest

import numpy as np

import samples
from sources import CYBER, CYBER_TAGS, NEWS, NEWS_TAGS
from text import (
    CLS,
    DIGITS,
    LOWER,
    MIXED,
    OTHER,
    SEP,
    TITLE,
    UPPER,
    case_type,
    cut_points,
    pack,
)
from windows import augment, batches, batches_in_order, collate, recase, training_windows


class Words(unittest.TestCase):
    def test_case_types(self) -> None:
        wanted = {
            "paid": (LOWER, 4),
            "Lagos": (TITLE, 5),
            "A": (TITLE, 1),
            "NATO": (UPPER, 4),
            "eBay": (MIXED, 4),
            "2011": (DIGITS, 0),
            "½": (DIGITS, 0),
            "%": (OTHER, 0),
            "Ökostrom": (TITLE, 8),
        }
        self.assertEqual({word: case_type(word) for word in wanted}, wanted)

    def test_tags_stand_on_the_words_of_the_names(self) -> None:
        first, attack = samples.sentences()[0], samples.sentences()[3]
        self.assertEqual(
            [" ".join(allowed) for allowed in self.allowed(first.wanted[:, NEWS], NEWS_TAGS)],
            "B-ORG I-ORG I-ORG O O B-DATE O B-PERSON I-PERSON I-PERSON I-PERSON"
            " O O O O O B-LOC O".split(),
        )
        self.assertEqual(
            [" ".join(allowed) for allowed in self.allowed(attack.wanted[:, CYBER], CYBER_TAGS)],
            "O O O O O B-THREAT_ACTOR I-THREAT_ACTOR O O O B-MALWARE O O O O O O".split(),
        )
        # To the news head an attacker may be an organisation, a person, something else or nothing.
        actor, going_on = self.allowed(attack.wanted[5:7, NEWS], NEWS_TAGS)
        self.assertEqual(actor, ["O", "B-PERSON", "B-ORG", "B-MISC"])
        self.assertEqual(going_on, ["O", "I-PERSON", "I-ORG", "I-MISC"])

    def allowed(self, wanted: np.ndarray, tags: list[str]) -> list[list[str]]:
        """The tags of each word that are wanted."""
        return [[tags[i] for i in np.flatnonzero(row)] for row in wanted]

    def test_a_cut_is_between_words_and_no_piece_is_too_long(self) -> None:
        lengths = np.array([3, 1, 4, 1, 5, 9, 2, 6])
        ranges = cut_points(lengths, 9)
        self.assertEqual([start for start, _ in ranges], [0, *(end for _, end in ranges[:-1])])
        self.assertEqual(ranges[-1][1], len(lengths))
        self.assertTrue(all(lengths[start:end].sum() <= 9 for start, end in ranges))

    def test_sentences_are_packed_in_order_within_the_limit(self) -> None:
        groups = list(pack([4, 4, 1, 9, 12, 2], lambda size: size, 10))
        self.assertEqual(groups, [[4, 4, 1], [9], [12], [2]])


class Windows(unittest.TestCase):
    def test_every_word_is_read_as_often_as_there_are_passes(self) -> None:
        rows = samples.sentences("a") + samples.sentences("b")
        plain = random.Random(0)
        plain.random = lambda: 0.99  # nothing is varied
        plain.choices = lambda *_: [None]
        windows = training_windows(rows, 3.0, (24,), plain)
        words = sum(len(row.words) for row in rows)
        self.assertEqual(sum(len(window.heads) for window in windows), 3 * words)
        self.assertEqual(sum(len(window.wanted) for window in windows), 3 * words)
        self.assertTrue(all(len(window) <= 24 for window in windows))
        self.assertTrue(all(w.ids[0] == CLS and w.ids[-1] == SEP for w in windows))

    def test_half_a_pass_reads_half_of_the_documents(self) -> None:
        rows = [row for name in "abcdefgh" for row in samples.sentences(name)]
        windows = training_windows(rows, 0.5, (128,), random.Random(1))
        words = sum(len(row.words) for row in samples.sentences())
        read = sum(len(window.heads) for window in windows)
        # Now and then a full stop is left out.
        self.assertTrue(4 * words - 4 * len(samples.TEXTS) <= read <= 4 * words, read)

    def test_varied_sentences_keep_their_words_and_labels_together(self) -> None:
        rng = random.Random(2)
        for row in samples.sentences() * 40:
            varied = augment(row, rng)
            self.assertEqual(len(varied.words), len(varied.wanted))
            self.assertIn(len(row.words) - len(varied.words), (0, 1))
            self.assertTrue((varied.wanted == row.wanted[: len(varied.wanted)]).all())

    def test_cases_of_a_headline(self) -> None:
        words = samples.sentences()[3].words
        before = words.types.copy()
        self.assertNotIn(UPPER, before)
        self.assertEqual(set(recase(words, "lower")), {LOWER, OTHER})
        self.assertEqual(set(recase(words, "upper")), {UPPER, TITLE, OTHER})  # "e" of "e-mail"
        self.assertEqual(recase(words, "title")[1], TITLE)  # "gang"
        self.assertEqual(recase(words, "title")[4], LOWER)  # "as"
        self.assertTrue((words.types == before).all())

    def test_batches_hold_each_window_once_within_their_tokens(self) -> None:
        windows = samples.windows() * 9
        made = batches(windows, 200, random.Random(3))
        self.assertEqual(sum(map(len, made)), len(windows))
        self.assertEqual({id(w) for batch in made for w in batch}, {id(w) for w in windows})
        self.assertTrue(all(len(b) * max(map(len, b)) <= 200 for b in made if len(b) > 1))

    def test_what_is_read_in_order_of_length_is_read_once(self) -> None:
        windows = samples.windows() * 9
        made = list(batches_in_order(windows, 200))
        self.assertEqual(sorted(i for batch in made for i in batch), list(range(len(windows))))
        sizes = [len(windows[i]) for batch in made for i in batch]
        self.assertEqual(sizes, sorted(sizes))
        self.assertTrue(all(len(b) * len(windows[b[-1]]) <= 200 for b in made if len(b) > 1))

    def test_places_of_words_in_a_batch(self) -> None:
        windows = samples.windows()
        batch = collate(windows)
        self.assertEqual(batch.mask.sum(1).tolist(), [len(window) for window in windows])
        ids = batch.ids[batch.rows, batch.columns].tolist()
        words = [row.words for row in samples.sentences()]
        heads = [piece.ids[piece.heads] for piece in words]
        self.assertEqual(ids, np.concatenate(heads * 2).tolist())
        self.assertEqual(len(batch.wanted), len(ids))
