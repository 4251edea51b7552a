"""Writes the data of an event as JSON, the same on every way of publishing, and says what in it cannot be written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timezone
from decimal import Decimal
from math import isfinite
from typing import Any, Final
from uuid import UUID

from flux_webhooks.checks import invalid
from flux_webhooks.errors import InvalidRequestError
from flux_webhooks.numbers import MAX_DIGITS, TOO_LONG, is_too_long

MAX_NESTED: Final = 100


def json_text(data: dict[str, Any], param: str = "data", *, most_nested: int = MAX_NESTED) -> str:
    """Return an object as JSON in ASCII, without spaces.

    What JSON does not have becomes text: a datetime RFC 3339 (in UTC, as `Z`; without an offset if it has none), a date
    or a time ISO 8601, a UUID its canonical form, a Decimal all its digits.

    Args:
        data: the object.
        param: what the API calls it.
        most_nested: how many levels deep its values may be.

    Raises:
        InvalidRequestError: invalid_json, where JSON or the database cannot hold it; the message names the place.
    """
    try:
        text = json.dumps(data, separators=(",", ":"), allow_nan=False, default=_as_text)
    except RecursionError:
        raise _not_json(_TOO_DEEP) from None
    except (TypeError, ValueError) as error:
        fault = next(_faults(data, param, most_nested), None)
        raise fault or _not_json(f"The body is not valid JSON: {error}.") from None
    if text.count("{") + text.count("[") >= most_nested:
        _check_depth(data, most_nested)
    # where Python was told to write numbers of any length
    if len(text) > MAX_DIGITS and _MANY_DIGITS.search(text):
        for fault in _faults(data, param, most_nested):
            raise fault
    if "\\u" in text and not _is_storable(text, data):
        raise _not_json(_NOT_STORABLE, param)
    return text


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


def _instant(value: datetime) -> str:
    try:
        instant = value.astimezone(timezone.utc) if value.tzinfo else value
    except OverflowError:  # in UTC it would be of the year 0 or 10000
        instant = value
    return instant.isoformat().replace("+00:00", "Z")


def _is_storable(text: str, data: dict[str, Any]) -> bool:
    if _NUL.search(text):
        return False
    try:
        json.dumps(data, ensure_ascii=False, default=_as_text).encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_depth(data: dict[str, Any], most_nested: int) -> None:
    level: list[Any] = [data]
    for _ in range(most_nested):
        if not level:
            return
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise _not_json(_TOO_DEEP)


def _inside(each: object) -> Iterable[Any]:
    if isinstance(each, dict):
        return each.values()
    return each if isinstance(each, (list, tuple)) else ()


def _faults(value: object, place: str, levels_left: int) -> Iterator[InvalidRequestError]:
    """Yield what JSON cannot hold, as it comes in the text."""
    if levels_left <= 0:
        yield _not_json(_TOO_DEEP)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _name_faults(name, place)
            yield from _faults(inner, f"{place}.{str(name)[:60]}", levels_left - 1)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _faults(inner, f"{place}[{index}]", levels_left - 1)
    elif isinstance(value, float) and not isfinite(value):
        name = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124 - NaN is unequal
        yield _not_json(f"The body is not valid JSON: {name} is no JSON number.")
    elif is_too_long(value):
        yield _not_json(f"{place} is {TOO_LONG}", place)
    elif not isinstance(value, _WRITTEN):
        kind = type(value).__name__
        message = f"{place} is a {kind}, which JSON does not have: write it as text, binary data as base64."
        yield _not_json(message, place)


def _name_faults(name: object, place: str) -> Iterator[InvalidRequestError]:
    if is_too_long(name):
        yield _not_json(f"{place} has a key that is {TOO_LONG}", place)
    elif not isinstance(name, (str, int, float, type(None))):
        yield _not_json(f"{place} has a key that is a {type(name).__name__}: write it as text.", place)


def _not_json(message: str, param: str | None = None) -> InvalidRequestError:
    return invalid(message, param, "invalid_json", 400)


_WRITTEN: Final = (str, int, float, type(None), date, time, UUID, Decimal)  # a datetime is a date
_NOT_STORABLE: Final = (
    "The data cannot be written as JSON: it holds NaN, Infinity, U+0000 or half a surrogate pair, "
    "or is nested too deeply."
)
_TOO_DEEP: Final = f"The body is nested more than {MAX_NESTED} levels deep."
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_MANY_DIGITS = re.compile(rf"(?<![0-9])[0-9]{{{MAX_DIGITS + 1}}}")
