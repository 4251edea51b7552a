"""The accent of another product on our pages: darker or lighter where it could not be read as it is."""

from collections.abc import Sequence
from typing import Final

CONTRAST: Final = 4.5
"""The least between text and what is behind it (WCAG 2.2, 1.4.3)."""

GROUNDS: Final = (("#ffffff", "#f6f7fa", "#ffffff"), ("#11141b", "#191d27", "#222837"))
"""What text stands on in light and in dark, as flux.css has it: the page, panels, and what is raised."""

SOFTNESS: Final = 0.88
"""How much of the page is in the soft accent, which is behind the entry of the navigation that one is at."""

_STEPS: Final = 50


def accent_css(colour: str) -> str:
    """Return a stylesheet that sets the accent to this colour (#rrggbb), or as near to it as can be read."""
    light, dark = (readable(colour, grounds) for grounds in GROUNDS)
    soft = ", ".join(soft_of(each, grounds) for each, grounds in zip((light, dark), GROUNDS, strict=True))
    return f":root {{ --accent: light-dark({light}, {dark}); --accent-soft: light-dark({soft}) }}\n"


def readable(colour: str, grounds: Sequence[str]) -> str:
    """Return the colour as it can be read on each of these grounds, the page first, and on its own soft one."""
    towards = "#000000" if _luminance(grounds[0]) > _luminance("#808080") else "#ffffff"
    for step in range(_STEPS + 1):
        made = _mixed(colour, towards, step / _STEPS)
        if min(contrast(made, each) for each in [*grounds, soft_of(made, grounds)]) >= CONTRAST:
            return made
    raise AssertionError(colour)  # black on what is light and white on what is dark can be read


def soft_of(colour: str, grounds: Sequence[str]) -> str:
    """Return the soft accent that goes with an accent on these grounds."""
    return _mixed(colour, grounds[0], SOFTNESS)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _mixed(colour: str, other: str, part: float) -> str:
    """Return a colour with so much (0 to 1) of another one in it."""
    mixed = [round(own * (1 - part) + end * part) for own, end in zip(_channels(colour), _channels(other), strict=True)]
    return "#" + "".join(f"{each:02x}" for each in mixed)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(each / 255) for each in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's own


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))
