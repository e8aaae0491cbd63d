"""The annotated sets, and what each of their labels says about ours.

Sets differ in what they annotate. A label of a set maps to the labels of ours that it may
stand for (`O` among them where the set is wider than we are), and `silent` names our labels
that the set does not annotate: its plain words may still carry them. The loss then asks only
that the model's probability lies on what the set allows, so a set that knows no dates
says nothing about dates.

The teacher asks that of each set; the student then learns the teacher's probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

NEWS_LABELS = ("PERSON", "ORG", "LOC", "FAC", "NORP", "PRODUCT", "DATE", "MONEY", "MISC")
CYBER_LABELS = ("THREAT_ACTOR", "MALWARE")

Labels = Mapping[str, str]


def tags(labels: tuple[str, ...]) -> list[str]:
    """`O` and the BIO tags of the labels, in the order of the head's rows."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def each(names: str, ours: str) -> dict[str, str]:
    """Maps each of the set's labels to the same label of ours."""
    return dict.fromkeys(names.split(), ours)


NEWS_TAGS, CYBER_TAGS = tags(NEWS_LABELS), tags(CYBER_LABELS)

# Less confidence than this and an entity is not stated: about half of the F1 that its label reaches
# (`services/ner/src/decode.rs`), and less for cyber names, which are righter than they seem.
NEWS_THRESHOLDS = dict.fromkeys(NEWS_LABELS, 0.42) | {"FAC": 0.3, "MISC": 0.3, "PRODUCT": 0.15}
CYBER_THRESHOLDS = dict.fromkeys(CYBER_LABELS, 0.3)

# Columns of a word's tags: first those of the news head, then those of the cyber head.
NEWS, CYBER = slice(0, len(NEWS_TAGS)), slice(len(NEWS_TAGS), len(NEWS_TAGS) + len(CYBER_TAGS))
TAGS = CYBER.stop


@dataclass(frozen=True)
class Source:
    """One set: label maps (`"ORG O"` means either), what it leaves out, and how often it is read.

    `passes` counts the passes over it in the teacher's whole run, `share` those in each of the
    student's epochs.
    """

    name: str
    news: Labels
    cyber: Labels = field(default_factory=dict)
    news_silent: str = ""
    cyber_silent: str = ""
    passes: float = 1.0
    share: float = 1.0


ANY = "O " + " ".join(NEWS_LABELS)

# What is annotated with our own labels. A cyber name may be anything, or nothing, to the news head.
OWN_CYBER = {label: label for label in CYBER_LABELS}
OWN_NEWS = {label: label for label in NEWS_LABELS} | {
    "MALWARE": "O PRODUCT MISC",
    "THREAT_ACTOR": "O ORG PERSON MISC",
}

SOURCES = [
    Source(
        "worldwide",
        news={
            "Person": "PERSON",
            "Organization": "ORG",
            "Location": "LOC",
            "Facility": "FAC",
            "NORP": "NORP",
            "Product": "PRODUCT",
            "Date": "DATE",
            "Money": "MONEY",
            "Misc": "MISC",
        },
        passes=3.0,
    ),
    Source(
        "cyber_news",
        news=OWN_NEWS,
        cyber=OWN_CYBER,
        passes=6.0,
        share=3.0,
    ),
    Source(
        "openings",
        news=OWN_NEWS,
        cyber=OWN_CYBER,
        passes=2.0,
    ),
    Source(
        "wikigold",
        news={"PER": "PERSON", "ORG": "ORG", "LOC": "LOC FAC", "MISC": "MISC NORP PRODUCT FAC"},
        news_silent="DATE MONEY",
        passes=2.0,
    ),
    Source(
        "wnut17",
        news={
            "person": "PERSON",
            "location": "LOC FAC",
            "group": "ORG",
            "corporation": "ORG",
            "product": "PRODUCT",
            "creative-work": "MISC",
        },
        news_silent="NORP DATE MONEY MISC",
        passes=1.5,
        share=0.7,
    ),
    Source(
        "crossner_politics",
        news={
            "politician": "PERSON",
            "person": "PERSON",
            "politicalparty": "ORG",
            "organisation": "ORG",
            "country": "LOC",
            "location": "LOC FAC",
            "election": "MISC",
            "event": "MISC",
            "misc": ANY,
        },
        news_silent="DATE MONEY NORP",
        passes=4.0,
        share=2.0,
    ),
    Source(
        "multiconer2",
        news={
            **each("Artist Athlete Cleric OtherPER Politician Scientist SportsManager", "PERSON"),
            **each("ORG MusicalGRP SportsGRP PublicCorp PrivateCorp CarManufacturer", "ORG"),
            "AerospaceManufacturer": "ORG",
            "HumanSettlement": "LOC",
            "OtherLOC": "LOC FAC",
            "Facility": "FAC ORG",
            "Station": "FAC",
            **each("Software Vehicle", "PRODUCT"),
            **each("OtherPROD Food Drink Clothing", "PRODUCT O"),
            **each("VisualWork WrittenWork MusicalWork ArtWork", "MISC"),
        },
        news_silent="NORP DATE MONEY MISC",
        passes=0.4,
        share=0.25,
    ),
    Source(
        "annoctr",
        news={
            "ORG": "ORG",
            "LOC": "LOC",
            "DATE": "DATE",
            "MALWARE": "O PRODUCT MISC",
            "TOOL": "O PRODUCT",
            "GROUP": "O ORG PERSON MISC",
            "CON": "O PRODUCT MISC",
        },
        cyber={"MALWARE": "MALWARE", "TOOL": "MALWARE", "GROUP": "THREAT_ACTOR"},
        news_silent="PERSON FAC NORP PRODUCT MONEY MISC DATE",
        share=0.7,
    ),
    Source(
        "cyner",
        news={
            "Organization": "ORG",
            "System": "O PRODUCT ORG",
            "Malware": "O PRODUCT MISC",
            "Vulnerability": "O MISC",
        },
        cyber={"Malware": "MALWARE", "Organization": "O THREAT_ACTOR"},
        news_silent="PERSON LOC FAC NORP PRODUCT DATE MONEY MISC",
        cyber_silent="THREAT_ACTOR",
        passes=1.5,
    ),
    Source(
        "ladder",
        news={
            "Organization": "ORG",
            "Location": "LOC NORP",
            "Person": "PERSON",
            "Time": "DATE O",
            "Application": "PRODUCT O",
            "OS": "PRODUCT O",
            "Malware": "O PRODUCT MISC",
            "ThreatActor": "O ORG PERSON MISC",
        },
        cyber={"Malware": "MALWARE", "ThreatActor": "THREAT_ACTOR"},
        news_silent="FAC NORP MONEY MISC PRODUCT",
        share=0.7,
    ),
    Source(
        "aptner",
        news={
            "LOC": "LOC NORP",
            "IDTY": "O ORG PERSON",
            "SECTEAM": "ORG",
            "TIME": "DATE O",
            "APT": "O ORG PERSON MISC",
            "MAL": "O PRODUCT MISC",
            "TOOL": "O PRODUCT",
            "OS": "O PRODUCT",
        },
        cyber={"APT": "THREAT_ACTOR", "MAL": "MALWARE", "TOOL": "MALWARE O"},
        news_silent="ORG PERSON FAC NORP PRODUCT MONEY MISC DATE",
        passes=0.5,
        share=0.4,
    ),
]
