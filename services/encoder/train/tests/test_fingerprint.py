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
        self.assertEqual(fingerprint(self.data, 7), fingerprint(self.data, 7))

    def test_another_seed_other_labels_or_another_file_change_it(self) -> None:
        names = {fingerprint(self.data, 7), fingerprint(self.data, 8)}
        (self.data / "ner" / "train.tsv").write_text("Acme\tB-LOC")
        names.add(fingerprint(self.data, 7))
        (self.data / "ner" / "train.tsv").rename(self.data / "ner" / "dev.tsv")
        names.add(fingerprint(self.data, 7))
        self.assertEqual(len(names), 4)
