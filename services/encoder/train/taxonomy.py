"""The two upper levels of the IPTC Media Topics: the categories that the topics head scores."""

import json
from dataclasses import dataclass
from pathlib import Path

NAME = "IPTC Media Topics 2025-10"


@dataclass(frozen=True)
class Category:
    """One Media Topic; `path` leads from the top level down to itself."""

    code: str
    name: str
    definition: str
    path: tuple[str, ...]


def load_categories(path: Path) -> list[Category]:
    """The live topics of the first two levels, each parent before its children."""
    concepts = {
        concept["qcode"].removeprefix("medtop:"): concept
        for concept in json.loads(path.read_text())["conceptSet"]
        if "retired" not in concept
    }
    categories = []
    for code, concept in concepts.items():
        parents = [uri.rsplit("/", 1)[-1] for uri in concept.get("broader", [])]
        if parents and "broader" in concepts[parents[0]]:
            continue
        name = concept["prefLabel"]["en-GB"]
        definition = concept.get("definition", {}).get("en-GB", name)
        categories.append(Category(code, name, definition, (*parents, code)))
    return sorted(categories, key=lambda category: category.path)
