"""The chunked coding (RFC 9112, 7.1), taken apart however its bytes arrive; the first fault in it ends it at once."""

import re
from enum import Enum, auto
from typing import Final

MAX_LINE_LENGTH: Final = 4096
"""Of a chunk's size with its extensions, in bytes."""


class _Place(Enum):
    SIZE = auto()
    END_OF_CHUNK = auto()
    TRAILERS = auto()


class Chunks:
    """A chunked body as it comes: `is_over` when its last byte was read, `is_broken` when it cannot be understood."""

    __slots__ = ("_kept", "_left", "_place", "is_broken", "is_over", "rest")

    def __init__(self) -> None:
        self._kept = b""
        self._left = 0
        self._place = _Place.SIZE
        self.is_over = self.is_broken = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return what these bytes hold of the body; what comes after its end is in `rest` then."""
        received, position = self._kept + data, 0
        pieces: list[bytes] = []
        while not (self.is_over or self.is_broken):
            if self._left:
                piece = received[position : position + self._left]
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
            end = received.find(b"\n", position)
            if end < 0:
                # what can no longer become a line is a fault now: nobody should wait for its end
                start = received[position : position + MAX_LINE_LENGTH + 1]
                self.is_broken = len(start) > MAX_LINE_LENGTH or _BEGINNINGS[self._place].fullmatch(start) is None
                break
            self._take_line(received[position:end].removesuffix(b"\r"))
            position = end + 1
        self._kept, self.rest = (b"", received[position:]) if self.is_over else (received[position:], b"")
        return b"".join(pieces)

    def _take_line(self, line: bytes) -> None:
        match self._place:
            case _Place.SIZE:
                size = _SIZE.fullmatch(line)
                self.is_broken = size is None
                self._left = int(size[1], 16) if size else 0
                self._place = _Place.END_OF_CHUNK if self._left else _Place.TRAILERS
            case _Place.END_OF_CHUNK:
                self.is_broken = line != b""
                self._place = _Place.SIZE
            case _Place.TRAILERS:
                self.is_over = line == b""


_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?", re.DOTALL)
_BEGINNINGS = {
    _Place.SIZE: re.compile(rb"[0-9A-Fa-f]{0,16}[ \t]*(?:;.*)?\r?", re.DOTALL),
    _Place.END_OF_CHUNK: re.compile(rb"\r?"),
    _Place.TRAILERS: re.compile(rb".*", re.DOTALL),
}
