"""The int8 form says what the encoder says, with its table of words in integers."""

import tempfile
import unittest
from pathlib import Path

import openvino as ov
import torch
from torch import nn
from torch.nn import functional

import samples
from model import HIDDEN
from quantize import inputs, quantize, value_limits
from windows import collate


class Quantized(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = samples.random_student(1, heads=(2, 1), size=32, inner=96)
        stack = samples.quiet()
        cls.addClassCleanup(stack.close)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        quantize(cls.model.encoder, samples.windows() * 8, Path(folder))
        cls.graph = ov.Core().read_model(Path(folder) / "openvino_model.xml")

    @torch.no_grad()
    def test_its_vectors_are_near_those_of_the_encoder(self) -> None:
        compiled = ov.Core().compile_model(self.graph, "CPU")
        for windows in samples.window_batches():
            batch = collate(windows)
            wanted = self.model.encoder(batch.ids, batch.types, batch.mask)[batch.mask]
            found = torch.from_numpy(compiled(inputs(windows))["vectors"])[batch.mask]
            self.assertGreater(float(functional.cosine_similarity(wanted, found).min()), 0.98)

    def test_nothing_reads_the_table_of_words_but_the_lookup_of_rows(self) -> None:
        words = self.model.encoder.embeddings.word_embeddings.num_embeddings
        (table,) = (
            node
            for node in self.graph.get_ops()
            if node.get_type_name() == "Constant" and node.shape == [words, HIDDEN]
        )
        self.assertEqual(table.get_element_type().get_size(), 1)
        readers = [port.get_node().get_type_name() for port in table.output(0).get_target_inputs()]
        self.assertEqual(readers, ["Gather"])

    def test_attention_mixes_its_values_in_integers(self) -> None:
        kinds = [node.get_type_name() for node in self.graph.get_ops()]
        self.assertNotIn("ScaledDotProductAttention", kinds)
        mixing = [
            node
            for node in self.graph.get_ops()
            if node.get_type_name() == "MatMul"
            and node.input_value(0).get_node().get_type_name() == "FakeQuantize"
            and node.input_value(0).get_node().input_value(0).get_node().get_type_name()
            == "Softmax"
        ]
        self.assertEqual(len(mixing), len(self.model.encoder.encoder["layer"]))

    @torch.no_grad()
    def test_limits_leave_out_the_few_largest_values(self) -> None:
        windows = samples.windows() * 20
        embeddings, value = self.model.encoder.embeddings, self.first_value()
        batches = [collate([window]) for window in windows]
        sizes = torch.cat([value(embeddings(b.ids, b.types)).abs().flatten() for b in batches])
        limit = value_limits(self.model.encoder, windows)[0]
        beyond = int((sizes > limit).sum())
        # One in 10,000 of them, and those that are as large: each window is there twenty times.
        self.assertTrue(0 < beyond <= len(sizes) / 10_000, beyond)

    def first_value(self) -> nn.Module:
        return self.model.encoder.encoder["layer"][0].attention.self.value
