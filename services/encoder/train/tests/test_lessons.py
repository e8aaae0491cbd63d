"""What is wanted of a word: labels, the teachers' opinion, and names in place of others."""

import random
import unittest

import numpy as np
import torch

import samples
from annotated import Annotated, Entity
from data import encode, unlabelled
from lessons import wanted, without_cyber
from model import partial_loss, soft_loss
from sources import CYBER, CYBER_TAGS, NEWS, NEWS_TAGS, SOURCES, TAGS
from swaps import labelled, swaps
from text import split_words

OTHER_ATTACK = Annotated(
    "Then The Grey Heron Crew came with TinBox.",
    [Entity(5, 24, "THREAT_ACTOR"), Entity(35, 41, "MALWARE")],
    "b#text",
)


def opinion(words: int) -> np.ndarray:
    """Some probabilities of the tags of both heads."""
    rows = np.random.default_rng(1).random((words, TAGS))
    for columns in (NEWS, CYBER):
        rows[:, columns] /= rows[:, columns].sum(1, keepdims=True)
    return rows


class Sources(unittest.TestCase):
    def test_all_labels_are_ours(self) -> None:
        for source in SOURCES:
            for head, silent, tags in (
                (source.news, source.news_silent, NEWS_TAGS),
                (source.cyber, source.cyber_silent, CYBER_TAGS),
            ):
                ours = {tag[2:] or tag for tag in tags}
                named = {name for names in [*head.values(), silent] for name in names.split()}
                self.assertLessEqual(named, ours, source.name)
                self.assertNotIn("", head.values(), source.name)


class Wanted(unittest.TestCase):
    def setUp(self) -> None:
        self.allowed = np.concatenate([row.wanted for row in samples.sentences()])
        self.opinion = opinion(len(self.allowed))

    def test_each_head_has_a_probability_of_one(self) -> None:
        for trust in (0, 0.5, 1):
            rows = wanted(self.allowed, self.opinion, trust).astype(float)
            for columns in (NEWS, CYBER):
                np.testing.assert_allclose(rows[:, columns].sum(1), 1, atol=0.01)

    def test_without_trust_only_what_the_labels_allow_is_wanted(self) -> None:
        rows = wanted(self.allowed, self.opinion, 0)
        self.assertEqual(float(rows[self.allowed == 0].max()), 0)

    def test_where_all_is_allowed_the_opinion_stands(self) -> None:
        rows = wanted(np.ones_like(self.opinion), self.opinion, 0.3)
        np.testing.assert_allclose(rows, self.opinion, atol=2e-3)


class WithoutCyber(unittest.TestCase):
    def said(self, *texts: str) -> list[bool]:
        """Whether each document's cyber tags are still open once texts are told apart."""
        rows = [
            unlabelled(words, str(number))
            for number, words in enumerate(split_words(samples.TOKENIZER, list(texts)))
        ]
        without_cyber(rows, samples.TOKENIZER)
        return [bool((row.wanted[:, CYBER] == 1).all()) for row in rows]

    def test_only_texts_that_speak_of_attacks_may_name_attackers(self) -> None:
        self.assertEqual(
            self.said(
                "Malware was found on ten machines.",
                "Phishing e-mails reached the clerks.",
                "A botnet of cameras woke up.",
                "Police blamed hackers.",
                "The mayor opened a bridge.",
                "Shackled men were freed.",
            ),
            [True, True, True, True, False, False],
        )


class Losses(unittest.TestCase):
    def test_one_allowed_tag_is_cross_entropy_and_all_of_them_say_nothing(self) -> None:
        logits = torch.randn(7, 5)
        one = torch.eye(5)[torch.randint(5, (7,))]
        torch.testing.assert_close(partial_loss(logits, one), soft_loss(logits, one))
        none = partial_loss(logits, torch.ones(7, 5))
        torch.testing.assert_close(none, torch.zeros(7))

    def test_what_is_asked_is_the_probability_of_all_allowed_tags(self) -> None:
        logits, allowed = torch.randn(1, 4), torch.tensor([[1.0, 0, 1, 0]])
        inside = (logits.softmax(1) * allowed).sum()
        torch.testing.assert_close(partial_loss(logits, allowed)[0], -inside.log())


class Swaps(unittest.TestCase):
    def test_names_of_the_labels_are_found(self) -> None:
        found = labelled(samples.sentences())
        self.assertEqual(found[3], [(5, 7, "THREAT_ACTOR"), (10, 11, "MALWARE")])
        self.assertEqual(found[0], [])

    def test_labels_go_with_the_names_and_the_rest_stays(self) -> None:
        read = [samples.sentences("a")[3]]
        others = encode([OTHER_ATTACK], samples.OWN, samples.TOKENIZER)
        texts = {"read": read, "bank": others}
        found = {name: labelled(rows) for name, rows in texts.items()}
        seen = set()
        for seed in range(40):
            (row,) = swaps(texts, found, random.Random(seed))["read"]
            cyber = [CYBER_TAGS[tags.argmax()] for tags in row.wanted[:, CYBER]]
            words = samples.TOKENIZER.decode(row.words.ids.tolist())
            seen.add((words, " ".join(tag for tag in cyber if tag != "O")))
            self.assertEqual(len(row.words), len(row.wanted))
            # What the news head may take each word of an attacker's name for goes along.
            actor = [i for i, tag in enumerate(cyber) if tag.endswith("THREAT_ACTOR")]
            news = row.wanted[actor][:, NEWS]
            self.assertTrue(
                (news[:, NEWS_TAGS.index("I-ORG")] == [0] + [1] * (len(actor) - 1)).all()
            )
        velvet, grey = "velvet jackal", "the grey heron crew"
        actor = {velvet: "B-THREAT_ACTOR I-THREAT_ACTOR"}
        actor[grey] = "B-THREAT_ACTOR" + " I-THREAT_ACTOR" * 3
        self.assertEqual(
            seen,
            {
                (
                    f"the gang, known as {name}, spread the {tool} malware by e - mail.",
                    f"{actor[name]} B-MALWARE",
                )
                for name in (velvet, grey)
                for tool in ("shadowvault", "tinbox")
            },
        )

    def test_a_name_is_the_same_throughout_a_document_and_of_its_label(self) -> None:
        rows = samples.sentences("a") * 3
        rows = [row for row in rows if labelled([row])[0]]
        bank = samples.sentences("b")
        others = bank[3]
        # Another document knows other names of the same kinds.
        others.words.ids[others.words.heads[5]] = 9999
        texts = {"read": rows, "bank": [others]}
        found = {name: labelled(texts[name]) for name in texts}
        seen = set()
        for seed in range(30):
            swapped = swaps(texts, found, random.Random(seed))["read"]
            ids = {tuple(row.words.ids.tolist()) for row in swapped}
            self.assertEqual(len(ids), 1)
            seen |= ids
        self.assertGreater(len(seen), 1)
