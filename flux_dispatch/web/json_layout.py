"""JSON laid out for people: only white space is changed, so that numbers and strings stay as they were written.

Where it is only looked at, letters that were escaped can be read, too.
"""

import json
import re
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_HEX: Final = "[0-9a-fA-F]"
_ESCAPE: Final = re.compile(rf"\\(?:u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|u{_HEX}{{4}}|.)")
_STEP: Final = "  "


def indented(text: str, most: int) -> str:
    """Return JSON with a line for each member, or its beginning where that is longer than `most` characters."""
    written: list[str] = []
    length = depth = 0
    before = ""
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece in "}]":
            depth -= 1
        written += (_space(before, piece, depth), piece)
        length += len(written[-2]) + len(piece)
        if length > most:
            break
        if piece in "{[":
            depth += 1
        before = piece
    return "".join(written)[: most + 1]


def readable(text: str) -> str:
    """Return JSON with escaped letters as letters; what shows nothing, or changes how others show, stays escaped."""
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    is_by_number = escape.startswith("\\u") and len(escape) > len("\\u")
    letter = json.loads(f'"{escape}"') if is_by_number else ""
    return letter if letter.isprintable() and not letter.isascii() else escape


def _space(before: str, piece: str, depth: int) -> str:
    """Return what stands between two tokens that follow each other."""
    if piece in "}]":
        return "" if before in _OPENING else "\n" + depth * _STEP
    if before in _OPENING or before == ",":
        return "\n" + depth * _STEP
    return " " if before == ":" else ""


_OPENING: Final = frozenset("{[")
