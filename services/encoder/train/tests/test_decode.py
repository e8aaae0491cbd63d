"""Spans are chosen, scored and made to agree as the program does it."""

import unittest

import numpy as np

from agree import agree
from decode import best_spans, score_spans, spans
from sources import NEWS_LABELS, NEWS_TAGS, NEWS_THRESHOLDS


def probabilities(*words: dict[str, float]) -> np.ndarray:
    """Log probabilities of words' tags; what is not named is `O`."""
    rows = np.full((len(words), len(NEWS_TAGS)), 1e-6)
    for row, named in zip(rows, words, strict=True):
        row[0] = max(1 - sum(named.values()), 1e-6)
        for tag, probability in named.items():
            row[NEWS_TAGS.index(tag)] = probability
    return np.log(rows)


def found(*words: dict[str, float]) -> set:
    return best_spans(probabilities(*words), NEWS_TAGS, NEWS_THRESHOLDS)


class BestSpans(unittest.TestCase):
    def test_a_name_ends_where_the_next_word_does_not_go_on(self) -> None:
        name = ({"B-PERSON": 0.9}, {"I-PERSON": 0.8}, {"I-PERSON": 0.1})
        self.assertEqual(found(*name), {(0, 2, "PERSON")})

    def test_less_than_the_threshold_is_not_stated(self) -> None:
        self.assertEqual(found({"B-ORG": NEWS_THRESHOLDS["ORG"] - 0.01}), set())
        self.assertEqual(found({"B-ORG": NEWS_THRESHOLDS["ORG"] + 0.01}), {(0, 1, "ORG")})

    def test_two_names_are_stated_where_they_promise_more_than_one(self) -> None:
        words = ({"B-ORG": 0.9}, {"B-LOC": 0.65, "I-ORG": 0.3})
        self.assertEqual(found(*words), {(0, 1, "ORG"), (1, 2, "LOC")})
        words = ({"B-ORG": 0.9}, {"B-LOC": 0.2, "I-ORG": 0.75})
        self.assertEqual(found(*words), {(0, 2, "ORG")})

    def test_a_name_does_not_drive_out_one_that_promises_more(self) -> None:
        words = ({"B-PERSON": 0.9}, {"I-PERSON": 0.5, "B-LOC": 0.45})
        self.assertEqual(found(*words), {(0, 2, "PERSON")})

    def test_a_name_at_the_end_of_a_sentence_is_whole(self) -> None:
        self.assertEqual(found({}, {"B-LOC": 0.9}, {"I-LOC": 0.9}), {(1, 3, "LOC")})


class Scores(unittest.TestCase):
    def test_a_stray_inside_tag_opens_a_span(self) -> None:
        tags = ["I-ORG", "I-ORG", "O", "B-LOC", "B-LOC", "I-ORG"]
        wanted = {(0, 2, "ORG"), (3, 4, "LOC"), (4, 5, "LOC"), (5, 6, "ORG")}
        self.assertEqual(spans(tags), wanted)

    def test_only_exact_spans_count(self) -> None:
        gold = [{(0, 2, "ORG"), (3, 4, "LOC")}, {(0, 1, "LOC")}]
        predicted = [{(0, 1, "ORG"), (3, 4, "LOC")}, set()]
        scored = score_spans(gold, predicted, NEWS_LABELS)
        self.assertEqual(scored["LOC"], {"precision": 1, "recall": 0.5, "f1": 2 / 3, "gold": 2})
        self.assertEqual(scored["ORG"]["f1"], 0)
        self.assertEqual(scored["micro"]["f1"], 2 / 5)
        self.assertEqual(scored["macro"]["f1"], 1 / 3)


class Agreement(unittest.TestCase):
    def stated(self, words: list[list[str]], scores: list[np.ndarray]) -> list[set]:
        rows = agree(words, scores, NEWS_TAGS, NEWS_THRESHOLDS)
        return [best_spans(row, NEWS_TAGS, NEWS_THRESHOLDS) for row in rows]

    def test_a_mention_in_doubt_takes_the_label_of_the_sure_ones(self) -> None:
        words = [["Mombasa", "burns"], ["Mombasa", "waits"], ["Mombasa", "again"]]
        sure = probabilities({"B-LOC": 0.95}, {})
        doubt = probabilities({"B-LOC": 0.3, "B-ORG": 0.6}, {})
        self.assertEqual(self.stated(words, [sure, doubt, sure]), [{(0, 1, "LOC")}] * 3)

    def test_the_last_word_of_a_person_stands_for_the_person(self) -> None:
        words = [["Jane", "Lagos", "left"], ["Lagos", "said"]]
        whole = probabilities({"B-PERSON": 0.97}, {"I-PERSON": 0.97}, {})
        alone = probabilities({"B-LOC": 0.7, "B-PERSON": 0.2}, {})
        self.assertEqual(
            self.stated(words, [whole, alone]), [{(0, 2, "PERSON")}, {(0, 1, "PERSON")}]
        )

    def test_initials_stand_for_what_they_abbreviate(self) -> None:
        words = [["Port", "Workers", "Union"], ["PWU", "said"]]
        inside = {"I-ORG": 0.95}
        whole = probabilities({"B-ORG": 0.95}, inside, inside)
        short = probabilities({"B-ORG": 0.3, "B-MISC": 0.4}, {})
        self.assertEqual(self.stated(words, [whole, short]), [{(0, 3, "ORG")}, {(0, 1, "ORG")}])

    def test_a_word_in_a_longer_name_is_no_mention_of_the_shorter_one(self) -> None:
        words = [["Paris", "Hilton", "left"], ["Paris", "slept"]]
        whole = probabilities({"B-PERSON": 0.97}, {"I-PERSON": 0.97}, {})
        place = probabilities({"B-LOC": 0.95}, {})
        self.assertEqual(self.stated(words, [whole, place]), [{(0, 2, "PERSON")}, {(0, 1, "LOC")}])
