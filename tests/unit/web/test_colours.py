"""Every colour of the pages can be read on what it stands on, in the light and in the dark."""

import re
from pathlib import Path

import pytest

from flux_dispatch.web.static_files import FOLDER

LEAST_CONTRAST = 4.5
LEAST_CONTRAST_OF_MARKS = 3
GROUNDS = ("page", "panel", "raised")
NO_TEXT = {*GROUNDS, "line", "accent-soft"}


def colours_of(sheet: str) -> dict[str, dict[str, str]]:
    return {
        name: dict(zip(("light", "dark"), both, strict=True))
        for name, *both in re.findall(
            r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", (FOLDER / sheet).read_text()
        )
    }


COLOURS = colours_of("flux.css")
MARKS = colours_of("charts.css")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(COLOURS.keys() - NO_TEXT))
def test_text_can_be_read(name: str, scheme: str) -> None:
    grounds = [*GROUNDS, *(["accent-soft"] if name in {"accent", "good", "warn", "bad"} else [])]
    weak = [each for each in grounds if _contrast(COLOURS[name][scheme], COLOURS[each][scheme]) < LEAST_CONTRAST]
    assert weak == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(MARKS))
def test_marks_of_charts_stand_out(name: str, scheme: str) -> None:
    contrasts = {each: _contrast(MARKS[name][scheme], COLOURS[each][scheme]) for each in GROUNDS}
    assert [each for each, contrast in contrasts.items() if contrast < LEAST_CONTRAST_OF_MARKS] == []


@pytest.mark.parametrize("sheet", sorted(FOLDER.glob("*.css")), ids=lambda path: path.name)
def test_every_colour_has_a_name(sheet: Path) -> None:
    text = re.sub(r"--[\w-]+: light-dark\([^)]*\);", "", sheet.read_text())
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", text) == []


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
