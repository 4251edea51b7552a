"""What was sent or answered, as far as a page has room for it: JSON laid out, everything else as it came."""

import json
from dataclasses import dataclass
from typing import Final

from flux_dispatch.web.json_layout import indented, readable

MOST: Final = 16_384
"""How many characters of a payload a page has: what is larger is looked at by itself."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A text to be looked at, and the language that it is highlighted by; `is_cut` where more followed."""

    text: str
    language: str
    is_cut: bool


def payload_excerpt(body: bytes, most: int = MOST) -> Excerpt:
    """Return the payload of an event, which is JSON, to be read."""
    text = indented(body.decode("ascii"), most)
    return Excerpt(readable(text[:most]), "json", len(text) > most)


def answer_excerpt(text: str) -> Excerpt:
    """Return what a receiver answered, of which only the beginning is kept."""
    try:
        is_json = isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        is_json = False
    if not is_json:
        return Excerpt(text[:MOST], "text", len(text) > MOST)
    laid_out = indented(text, MOST)
    return Excerpt(readable(laid_out[:MOST]), "json", len(laid_out) > MOST)
