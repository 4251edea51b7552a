"""What the standard streams are: a terminal, its width and its colours, or a pipe that wants plain lines."""

import os
import shutil
import sys
from typing import Final

import typer

STATUS_COLOURS: Final = {
    **dict.fromkeys(("delivered", "enabled", "completed", "ok", "valid", "works"), "green"),
    **dict.fromkeys(("failed", "exhausted", "disabled", "wrong", "revoked"), "red"),
    **dict.fromkeys(("pending", "sending", "scheduled", "running", "warning"), "yellow"),
    **dict.fromkeys(("canceled", "unmatched", "unknown", "archived"), "bright_black"),
}
_MIN_WIDTH: Final = 20


def is_terminal() -> bool:
    """Say whether people read what is printed."""
    return sys.stdout.isatty()


def is_asked() -> bool:
    """Say whether there is somebody to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def width() -> int:
    """Return how many characters a line has: that of the terminal (COLUMNS goes before it)."""
    return max(_MIN_WIDTH, shutil.get_terminal_size().columns)


def height() -> int:
    """Return how many lines the terminal has."""
    return shutil.get_terminal_size().lines


def coloured(text: str, colour: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
    """Return a text with its colour where that is wanted: on a terminal, without NO_COLOR, and not on a dumb one."""
    plain = not is_terminal() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text if plain else typer.style(text, fg=colour, bold=bold or None, dim=dim or None)


def status(text: str) -> str:
    """Return a status in its colour."""
    return coloured(text, STATUS_COLOURS.get(text))


def say(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Tell people a thing that is no part of the result."""
    sys.stderr.write(text + "\n")
