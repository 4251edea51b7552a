"""Another product's accent stays as it is where it can be read, and else becomes no darker or lighter than it must."""

import re

import pytest

from flux_dispatch.web.accent import CONTRAST, GROUNDS, accent_css, contrast, readable, soft_of
from flux_dispatch.web.static_files import FOLDER

LIGHT, DARK = GROUNDS


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#ffffff", "#ffffff", 1.0),
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#000000", 21.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.0),
        ("#0000ff", "#ffffff", 8.59),
        ("#ffff00", "#ffffff", 1.07),
    ],
)
def test_contrast_is_that_of_the_standard(one: str, other: str, expected: float) -> None:
    assert contrast(one, other) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("colour", "light", "dark"),
    [
        ("#3451b2", "#3451b2", "#798ccc"),
        ("#000000", "#000000", "#8f8f8f"),
        ("#ffffff", "#6b6b6b", "#ffffff"),
        ("#ffff00", "#6b6b00", "#ffff00"),
        ("#777777", "#6b6b6b", "#8f8f8f"),
        ("#ff0000", "#d10000", "#ff5252"),
        ("#00ff00", "#007a00", "#00ff00"),
        ("#0000ff", "#0000ff", "#8080ff"),
        ("#9DB1FF", "#5b6794", "#9db1ff"),
    ],
)
def test_it_is_what_can_be_read_next_to_it(colour: str, light: str, dark: str) -> None:
    assert (readable(colour, LIGHT), readable(colour, DARK)) == (light, dark)
    sheet = accent_css(colour)
    assert f"--accent: light-dark({light}, {dark});" in sheet
    assert f"--accent-soft: light-dark({soft_of(light, LIGHT)}, {soft_of(dark, DARK)}) }}" in sheet


@pytest.mark.parametrize("grounds", GROUNDS, ids=["light", "dark"])
def test_every_colour_can_be_read_wherever_it_stands(grounds: tuple[str, ...]) -> None:
    steps = ("00", "33", "80", "cc", "ff")
    for colour in (f"#{red}{green}{blue}" for red in steps for green in steps for blue in steps):
        made = readable(colour, grounds)
        assert min(contrast(made, each) for each in (*grounds, soft_of(made, grounds))) >= CONTRAST, colour


def test_the_grounds_are_those_of_the_pages() -> None:
    sheet = (FOLDER / "flux.css").read_text()
    of_pages = [re.findall(rf"--{name}: light-dark\((\S+), (\S+)\)", sheet) for name in ("page", "panel", "raised")]
    assert tuple(zip(*(each for (each,) in of_pages), strict=True)) == GROUNDS
