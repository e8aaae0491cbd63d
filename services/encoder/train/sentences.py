"""Cuts a text into sentences as the program does (`services/encoder/src/sentence.rs`)."""

from itertools import pairwise

import regex

# Where a sentence may end by Unicode's rules SB3 to SB11 (UAX #29).
LINE = r"(?:\r\n|[\p{SB=Sep}\p{SB=CR}\p{SB=LF}])"
STOP = r"\p{SB=STerm}\p{SB=ATerm}"
BEHIND = r"[\p{SB=Close}\p{SB=Extend}\p{SB=Format}]*+[\p{SB=Sp}\p{SB=Extend}\p{SB=Format}]*+"
LETTER = r"\p{SB=OLetter}\p{SB=Upper}\p{SB=Lower}"
END = regex.compile(
    rf"""
    {LINE}
    | \p{{SB=STerm}} {BEHIND} (?: {LINE} | (?![\p{{SB=SContinue}}{STOP}]) )
    | \p{{SB=ATerm}} (?!\p{{SB=Numeric}}) (?<![\p{{SB=Upper}}\p{{SB=Lower}}].(?=\p{{SB=Upper}}))
      {BEHIND}
      (?: {LINE}
        | (?![\p{{SB=SContinue}}{STOP}])
          (?![^{LETTER}{STOP}\p{{SB=Sep}}\p{{SB=CR}}\p{{SB=LF}}]*+\p{{SB=Lower}}) )
    """,
    regex.VERBOSE,
)

# What stands before a name or a number, lower case, without its stop.
ABBREVIATIONS = frozenset(
    "adm ald apr assn atty aug ave bros brig capt cmdr co col corp cpl dec dept dist dr drs feb "
    "fig fr ft gen gov hon inc jan jr jul jun lt ltd maj mar messrs mr mrs ms mt no nov oct op pfc "
    "ph pres prof pvt rep reps rev sen sens sept sgt sr st supt vol vs".split()
)
LAST_WORD = regex.compile(r"(?:[\p{Alphabetic}\p{N}]\S*+)?$")
STOPS = (".", "!", "?", ":", '"', "”")  # at the end of a line, too


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Character ranges: the rules of Unicode (UAX #29), and those of news.

    They leave nothing out but space before the first.
    """
    ranges: list[tuple[int, int]] = []
    cuts = [0, *(match.end() for match in END.finditer(text)), len(text)]
    for start, end in pairwise(cuts):
        if ranges and _goes_on(text[slice(*ranges[-1])], text[start:end]):
            start, _ = ranges.pop()
        ranges.append((start, end))
    return [(start, end) for start, end in ranges if text[start:end].strip()]


def _goes_on(before: str, after: str) -> bool:
    """Whether what seems to end in `before` goes on in `after`."""
    if not after.strip():
        return True
    trimmed = before.rstrip()
    lines = before[len(trimmed) :].count("\n")
    if lines == 0:
        return _ends_in_abbreviation(trimmed)
    return lines == 1 and not trimmed.endswith(STOPS) and after[0].islower()


def _ends_in_abbreviation(sentence: str) -> bool:
    """Whether the last word is an abbreviation, or an initial whose stop says nothing."""
    if not sentence.endswith("."):
        return False
    word = LAST_WORD.search(sentence[:-1])[0]
    last = word.rsplit(".", 1)[-1]
    return (len(last) == 1 and last.isupper()) or word.lower() in ABBREVIATIONS
