"""The models that ship go on from a small teacher, or else begin at the pretrained weights."""

import unittest
from argparse import Namespace
from unittest.mock import patch

import numpy as np
import torch

import base
import samples
import train
from corpus import Corpus
from model import Model, pretrained
from taxonomy import Category
from topics import Article

ARGS = Namespace(seed=7)


def corpus() -> Corpus:
    """Sentences for the sample of what comes in, and one topic."""
    sentences = dict.fromkeys(train.SAMPLE_SHARE, samples.sentences())
    topic = Category("1", "sport", "Games that people play", ("sport",))
    articles = [Article([], np.array([target]), np.ones(1)) for target in (0.0, 1.0)]
    return Corpus(samples.TOKENIZER, [topic], sentences, {}, articles, {}, [], [], [], [])


def small_teacher() -> Model:
    """A teacher that has learned something: its weights are not the pretrained ones."""
    torch.manual_seed(1)
    model = pretrained(1, base.student_weights())
    with torch.no_grad():
        model.encoder.embeddings.word_embeddings.weight.add_(0.01)
    return model


def words(model: Model) -> torch.Tensor:
    """The vectors of its vocabulary."""
    return model.encoder.embeddings.word_embeddings.weight.detach()


class Beginning(unittest.TestCase):
    def begin(self, effort: train.Effort, teacher: Model) -> Model:
        """What the models that ship start from, without the half hour that a teacher takes."""
        with (
            samples.quiet(),
            patch.object(train, "EFFORT", effort),
            patch.object(train, "taught", return_value=teacher),
        ):
            return train.beginning(corpus(), ARGS)

    def test_two_cores_go_on_from_their_teacher(self) -> None:
        teacher = small_teacher()
        model = self.begin(train.TWO_CORES, teacher)
        self.assertTrue(torch.equal(words(model), words(teacher)))
        self.assertTrue(torch.equal(model.news.weight, teacher.news.weight))

    def test_a_large_teacher_leaves_them_the_pretrained_weights(self) -> None:
        model = self.begin(train.GPU, small_teacher())
        self.assertTrue(torch.equal(words(model), words(pretrained(1, base.student_weights()))))

    def test_only_six_layers_of_a_teacher_need_no_wide_stage(self) -> None:
        for effort, wanted in ((train.TWO_CORES, [True, False]), (train.GPU, [False, False])):
            with patch.object(train, "EFFORT", effort):
                self.assertEqual([train.has_learned(plan) for plan in train.PLANS], wanted)
