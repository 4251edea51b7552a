"""Standard output and error as they are given, made safe: whatever becomes of a terminal, it never ends the product."""

import codecs
import os
import sys
from contextlib import suppress
from typing import Final, TextIO

_SPELLED: Final = {"│": "|", "✓": "ok:", "…": "...", "·": "-"}
"""Our own signs, for terminals that cannot show them."""

_ERRORS: Final = "flux.spelled"


class LastingOutput:
    """A text stream for logs: what cannot be written (a full disk, a reader that is gone) is left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or leave it."""
        # no context manager: each delivery writes a line
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        """Flush, or leave it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


def make_output_safe() -> None:
    """Have all three standard streams, and have them spell out what their encoding does not know.

    A stream that was closed (`flux api >&-`) becomes one that leads nowhere: the first socket that is opened would get
    its number otherwise, and what is printed would go there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - open as long as the process lives
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors=_ERRORS)


def finish_output() -> None:
    """Write out what is still held back; what cannot be written is given up without a word."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # the interpreter would try once more at its end, and complain
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open as long as the process lives


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    spelled = (_SPELLED.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in unknown)
    return "".join(spelled), error.end


codecs.register_error(_ERRORS, _spell)
