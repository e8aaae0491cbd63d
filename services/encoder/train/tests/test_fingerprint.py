"""What another run has kept is gone on from only where all that it depends on is the same."""

import tempfile
import unittest
from pathlib import Path

from fingerprint import fingerprint


class Fingerprint(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name)
        (self.data / "ner").mkdir()
        (self.data / "ner" / "train.tsv").write_text("Acme\tB-ORG")

    def test_it_is_the_same_for_the_same_data_and_seed(self) -> None:
        self.assertEqual(self.name(), self.name())

    def test_whatever_a_run_depends_on_changes_it(self) -> None:
        names = {self.name(), self.name(seed=8), self.name(device="cuda")}
        (self.data / "ner" / "train.tsv").write_text("Acme\tB-LOC")
        names.add(self.name())
        (self.data / "ner" / "train.tsv").rename(self.data / "ner" / "dev.tsv")
        names.add(self.name())
        self.assertEqual(len(names), 5)

    def name(self, seed: int = 7, device: str = "cpu") -> str:
        """The name of a run on the test's data."""
        return fingerprint(self.data, seed, device)
