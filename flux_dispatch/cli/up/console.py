"""The one log of `flux up`: every line behind the name of the process that said it."""

import os
import sys
from contextlib import suppress

_COLOURS = ("36", "33", "35", "32", "34", "31")
_NAME_WIDTH = 8


class Console:
    """Prints lines of processes, and our own without a name."""

    def __init__(self) -> None:
        self._is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._colours: dict[str, str] = {}

    def say(self, line: str = "") -> None:
        """Print a line of our own."""
        self._write(line)

    def part_said(self, name: str, line: str) -> None:
        """Print a line that a process printed."""
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        self._write(f"{self._painted(name.ljust(_NAME_WIDTH), colour)} │ {line}")

    def strong(self, text: str) -> str:
        """Return the text in bold, where the terminal can."""
        return self._painted(text, "1")

    def good(self, text: str) -> str:
        """Return the text in green, where the terminal can."""
        return self._painted(text, "32")

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._is_coloured else text

    def _write(self, line: str) -> None:
        # a terminal that was closed is no reason to leave the processes unattended
        with suppress(OSError, ValueError):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
