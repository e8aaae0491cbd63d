"""Found names are counted by article, and ends of names are those that the program gives them."""

import json
import tempfile
import unittest
from pathlib import Path

import samples
from annotated import Annotated, Entity
from evaluate import by_article, full_stops, in_case, save, score
from text import split_words

LABELS = {"PER": "PERSON", "ORG": "ORG"}
TEXTS = [
    Annotated("Jane of Acme", [Entity(0, 4, "PER"), Entity(8, 12, "ORG")], "1#title"),
    Annotated("Bob", [Entity(0, 3, "PER"), Entity(0, 3, "OTHER")], "1#text"),
    Annotated("Acme", [Entity(0, 4, "ORG")], "2#text"),
]
FOUND = [{(0, 4, "PERSON"), (5, 7, "LOC")}, {(0, 3, "ORG")}, {(0, 4, "ORG")}]


class Counting(unittest.TestCase):
    def test_title_and_text_of_an_article_count_together(self) -> None:
        self.assertEqual(by_article(TEXTS, FOUND, LABELS), [[1, 2, 3], [1, 1, 1]])

    def test_the_articles_add_up_to_the_set(self) -> None:
        right, found, gold = map(sum, zip(*by_article(TEXTS, FOUND, LABELS), strict=True))
        self.assertEqual(score(TEXTS, FOUND, LABELS)["micro"]["f1"], 2 * right / (found + gold))

    def test_figures_are_read_as_they_were_saved(self) -> None:
        figures = {"one": {"f1": 0.5, "texts": [[1, 2, 3]]}, "two, lower case": {"f1": 0.25}}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trainer.json"
            save(figures, path)
            self.assertEqual(json.loads(path.read_text()), figures)


class Case(unittest.TestCase):
    def test_names_stay_where_they_are(self) -> None:
        text = Annotated("Weiß, İzmir’s MAYOR", [Entity(6, 11, "LOC")], "1")
        for case, wanted in (
            (str.upper, "WEIß, İZMIR’S MAYOR"),
            (str.lower, "weiß, İzmir’s mayor"),
        ):
            self.assertEqual(in_case(text, case), Annotated(wanted, text.entities, "1"))


class FullStops(unittest.TestCase):
    def end(self, text: str, words: int) -> str:
        """A name of so many words as it is stated."""
        (read,) = split_words(samples.TOKENIZER, [text])
        sentence = samples.Sentence(read, None, "1")
        ((start, end, _),) = full_stops({(0, words, "ORG")}, sentence, Annotated(text, [], "1"))
        return text[read.spans[start][0] : read.spans[end - 1][1]]

    def test_the_stop_of_an_abbreviation_belongs_to_the_name(self) -> None:
        self.assertEqual(self.end("Acme Corp. paid", 2), "Acme Corp.")

    def test_other_stops_do_not(self) -> None:
        self.assertEqual(self.end("Acme Works. It paid", 2), "Acme Works")
        self.assertEqual(self.end("Acme Corp.. It paid", 2), "Acme Corp")
        self.assertEqual(self.end("Corp. paid", 1), "Corp")
