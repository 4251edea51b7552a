"""Text that others wrote, made harmless before it comes to a terminal: no cursor moves, no colours, no hidden turns."""

import re
from typing import Final

UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # what hides, or turns the direction of writing
    "\ud800-\udfff]"  # halves of pairs, which no terminal takes
)


def harmless(text: str) -> str:
    """Return a text in which whatever would not show by itself is spelled out by its number."""
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return a text as it may stand in a cell: harmless, its tabs and line breaks as single spaces."""
    return harmless(" ".join(text.split()))


def cut_middle(text: str, width: int) -> str:
    """Return an id or a URL of at most this many characters, with its beginning and its end."""
    if len(text) <= width or width < 1:
        return text
    # the end tells ids apart: they begin with their time
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def cut_end(text: str, width: int) -> str:
    """Return a text of at most this many characters."""
    return text if len(text) <= width or width < 1 else text[: width - 1].rstrip() + "…"
