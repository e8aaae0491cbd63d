"""This project's own annotations (see `annotations/README.md`): positions in texts of the data."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from annotated import Annotated, Entity, cut_article, read_lines

FOLDER = Path(__file__).parent / "annotations"


def read_entities(root: Path) -> Iterator[Annotated]:
    """The sentences of the annotated openings; a title is a document of its own."""
    find = Texts(root)
    for line in (FOLDER / "entities.jsonl").read_text().splitlines():
        row = json.loads(line)
        title, text = find(row["ref"], row["sum"])
        for name, field in (("title", title), ("text", text[: row["end"]])):
            entities = [Entity(start, end, label) for start, end, label in row[name]]
            yield from cut_article(field, entities, f"{row['ref']}#{name}")


def read_topics(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Each labelled text, with its title, and its codes."""
    find = Texts(root)
    for line in (FOLDER / "topics.tsv").read_text().splitlines():
        ref, checksum, *codes = line.split("\t")
        title, text = find(ref, checksum)
        between = ". " if ref.startswith("huffpost/") else "\n"
        yield f"{title}{between}{text}" if title else text, codes


class Texts:
    """The texts that annotations refer to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines = {
            "news": list(read_lines(root / "news" / "articles.jsonl.gz")),
            "huffpost": list(read_lines(root / "topics" / "huffpost.jsonl.gz")),
        }

    def __call__(self, ref: str, checksum: str) -> tuple[str, str]:
        """Title and text; fails where the text is not the one that was annotated."""
        source, name = ref.split("/")
        if source == "pages":
            page = json.loads((self.root / "pages" / f"{name}.json").read_text())["ground_truth"]
            title, text = page.get("title") or "", page["main_content"]
        else:
            row = json.loads(self.lines[source][int(name)])
            title = row.get("title") or row.get("headline") or ""
            text = row["text"] if "text" in row else row["short_description"]
        if not hashlib.sha256(text.encode()).hexdigest().startswith(checksum):
            raise ValueError(f"{ref} is not the text that was annotated")
        return title, text
