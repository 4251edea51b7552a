"""How values are written on pages: times, numbers, durations, ids and URLs that are cut in the middle."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from markupsafe import Markup

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import made_at

NOTHING: Final = "\N{EN DASH}"
"""What stands where there is no value."""

MIDDLE_END: Final = 8
"""How many of the last characters of an id or URL always stay in sight."""

_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_OF_PICTURES: Final = frozenset(map(chr, (*range(0x1F1E6, 0x1F200), *range(0x1F3FB, 0x1F400))))
"""The letters that flags are made of, and the tones of skin."""

_INITIALS: Final = re.compile(r"\b(api|dns|tls|url)\b", re.IGNORECASE)

_KIB: Final = 1024
_THOUSAND: Final = 1000
_SECOND: Final = timedelta(seconds=1)
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_UNITS: Final = ((24 * _HOUR, _HOUR, "day"), (_HOUR, _MINUTE, "hour"), (_MINUTE, _SECOND, "minute"))
"""Each with the one that it is made of: what is nearly an hour, to the minute, is an hour and not 60 minutes."""


def when(at: datetime | None, style: str = "full") -> Markup:
    """Return a time, in UTC where no script runs, and saying so; `style` is full, time (of the day), ago or left."""
    if at is None:
        return Markup('<span class="none">never</span>')
    utc = at.astimezone(UTC)
    written = f"{utc:%H:%M:%S}" if style == "time" else f"{utc.day} {utc:%b %Y, %H:%M:%S}"
    return Markup('<time datetime="{}" title="{} UTC" data-when="{}">{} UTC</time>').format(
        f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // _THOUSAND:03}Z",
        f"{utc.day} {utc:%b %Y, %H:%M:%S}",
        style,
        written,
    )


def middle(text: str, end: int = MIDDLE_END) -> Markup:
    """Return a text that gives way in its middle where there is no room; it is whole in the page, and when copied.

    It is read in its own direction, from the right where it begins with letters that are.
    """
    if len(text) <= 2 * end:
        return Markup('<bdi class="middle">{}</bdi>').format(text)
    at = _parted(text, len(text) - end)
    return Markup('<bdi class="middle" title="{}"><span>{}</span><span>{}</span></bdi>').format(
        text, text[:at], text[at:]
    )


def _parted(text: str, at: int) -> int:
    """Return where a text is parted in two, at or before a place: in front of a word, or else of a character.

    Letters of some scripts are written joined, and marks and joiners belong to the character before them.
    """
    space = text.rfind(" ", at - MIDDLE_END, at)
    if space > 0:
        return space
    while at > 1 and (text[at - 1] == _JOINER or _goes_on(text[at])):
        at -= 1
    return at


def _goes_on(character: str) -> bool:
    """Say whether this is a part of what is seen as one character, and not its first."""
    return unicodedata.category(character).startswith("M") or character == _JOINER or character in _OF_PICTURES


def brief(text: str, most: int = 80) -> str:
    """Return a text that stands in a sentence, without its middle where it is very long."""
    end = 2 * MIDDLE_END
    return text if len(text) <= most else f"{text[: most - end]}…{text[-end:]}"


def number(value: float | None) -> str:
    """Return a whole number with its thousands apart."""
    return NOTHING if value is None else f"{value:,.0f}"


def percent(part: float | None) -> str:
    """Return a part (0 to 1) in per cent; what is not quite all never reads as all."""
    if part is None:
        return NOTHING
    digits = 0 if part in {0, 1} else 1 if part < 0.999 else 2  # noqa: PLR2004 - nearly all
    scale = 10 ** (digits + 2)
    below = int(part * scale) / 10**digits
    return f"{below:.{digits}f} %"


def milliseconds(seconds: float | None) -> str:
    """Return a duration of less than minutes."""
    if seconds is None:
        return NOTHING
    if round(seconds * _THOUSAND) >= _THOUSAND:
        return f"{seconds:.1f} s"
    digits = 0 if round(seconds * _THOUSAND, 1) >= 10 else 1  # noqa: PLR2004 - of ten or more a tenth tells nothing
    return f"{seconds * _THOUSAND:.{digits}f} ms"


def duration(span: timedelta) -> str:
    """Return a time span in its largest unit, like `5 minutes`."""
    for unit, smaller, name in _UNITS:
        if round(span / smaller) * smaller >= unit:
            count = round(span / unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    seconds = max(round(span.total_seconds()), 0)
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def label(name: str) -> str:
    """Return a name of the code as people read it, like `API key: created`."""
    words = name.replace("_", " ").replace(".", ": ").capitalize()
    return _INITIALS.sub(lambda found: found[0].upper(), words)


def told(error: InvalidRequest) -> str:
    """Return what is wrong with a form; a field that the message begins with is called as people read it."""
    name, message = error.param or "", error.message
    return f"{label(name)}{message[len(name) :]}" if message.startswith(f"{name} ") else message


def size(count: int) -> str:
    """Return how many bytes these are."""
    return f"{count} B" if count < _KIB else f"{count / _KIB:.1f} KiB"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "when": when,
    "middle": middle,
    "brief": brief,
    "number": number,
    "percent": percent,
    "milliseconds": milliseconds,
    "duration": duration,
    "size": size,
    "label": label,
    "told": told,
    "made_at": made_at,
}
"""What templates use, by these names."""
