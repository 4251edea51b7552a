"""The glossary is true: each of its names stands in the code, and a word that was given up does not come back."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.tree import ROOT

SOURCES = ("flux_dispatch", "workers", "config")
GIVEN_UP = {
    *("accepting", "accepted", "away", "bell", "company", "courtesy", "doubled", "flood", "grouped", "jammed"),
    *(
        "longest",
        "longer",
        "lanes",
        "peek",
        "planner",
        "rests",
        "ring",
        "rings",
        "rung",
        "shown",
        "thrift",
        "wake",
        "woken",
    ),
}
"""Parts of names that a newcomer had to guess; the glossary has what they are called now."""

ALLOWED = {"longer_than", "_longer", "ACCEPTED", "flux_events_accepted_total"}


def glossary() -> dict[str, list[str]]:
    """Return the terms, each with its names in the code."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.split("## Glossary", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"(?m)^\| ([^|]+) \| (`[^|]+`) \| .+ \|$", section)
    return {term: re.findall(r"`(\w+)`", names) for term, names in rows}


def identifiers() -> Iterator[tuple[Path, str]]:
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            with path.open("rb") as file:
                for token in tokenize.tokenize(file.readline):
                    if token.type == tokenize.NAME:
                        yield path, token.string
                    elif token.type == tokenize.STRING or token.type == getattr(tokenize, "FSTRING_MIDDLE", -1):
                        yield from ((path, word) for word in re.findall(r"\b[a-z]+_[a-z_]+\b", token.string))


def parts(name: str) -> set[str]:
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def test_each_term_of_the_glossary_stands_in_the_code() -> None:
    terms = glossary()
    assert len(terms) > 30
    known = {name for _, name in identifiers()}
    missing = {term: names for term, names in terms.items() if not set(names) <= known}
    assert not missing


def test_what_was_given_up_does_not_come_back() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, name in identifiers()
        if parts(name) & GIVEN_UP and name not in ALLOWED
    }
    assert not found
