"""The first lines of an answer, fit for a terminal: for people who see why their server refused."""

from collections.abc import Iterator
from typing import Final

from flux_dispatch.cli.output.text import cut_end, harmless
from flux_dispatch.tunnel.frames import Headers

MOST_LINES: Final = 5
MOST_CHARACTERS: Final = 600


def first_lines(body: bytes, headers: Headers, width: int) -> Iterator[str]:
    """Yield what a terminal of this width shows of an answer: its first lines, none if it is empty."""
    encoding = next((value for name, value in headers if name.lower() == "content-encoding"), "identity")
    if encoding.strip().lower() not in {"", "identity"}:
        yield f"({len(body)} bytes, {harmless(encoding)})"[:width]
        return
    # one character has four bytes at most
    text = body[: 4 * MOST_CHARACTERS + 4].decode("utf-8", "replace")
    lines = [line.rstrip() for line in text[:MOST_CHARACTERS].splitlines() if line.strip()]
    for line in lines[:MOST_LINES]:
        yield cut_end(harmless(line.expandtabs(4)), width)
    if len(lines) > MOST_LINES or len(text) > MOST_CHARACTERS:
        yield "…"
