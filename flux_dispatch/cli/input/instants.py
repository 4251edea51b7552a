"""Times as people give them: a span back from now, a day, or a time with or without its zone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_UNITS: Final = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN: Final = re.compile(r"(\d{1,6})\s*(s|min|m|h|d|w)(?: ago)?")

TIME_METAVAR: Final = "TIME"
TIME_HELP: Final = "like 2h (ago), 7d, 2026-01-15, or 2026-01-15T10:30:00Z; without a zone, in this machine's."


def parse_instant(text: str, option: str, *, now: datetime | None = None) -> datetime:
    """Return the time that somebody gave for this option, aware.

    Raises:
        BadParameter: it is none.
    """
    found = _SPAN.fullmatch(text.strip().lower())
    try:
        if found:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        given = datetime.fromisoformat(text.strip())
        return given if given.tzinfo else given.astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text[:60]!r} is no time: give one {TIME_HELP}", param_hint=option) from None


def parse_optional(text: str | None, option: str) -> datetime | None:
    """Return the time that somebody gave; None where none was given."""
    return None if text is None else parse_instant(text, option)
