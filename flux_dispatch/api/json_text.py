"""JSON text: read as the specification has it, and taken apart without being rewritten."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from json.decoder import scanstring  # type: ignore[attr-defined]
from math import isinf
from typing import Any, Final, NoReturn

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import EventData

MAX_NESTED: Final = 100
"""How deep a body may be nested: Python's own bound moves with the call stack, so what it took in it might not give
back, and a receiver's parser may stop earlier (the JSON of .NET at 64, of PHP at 512)."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what the text holds.

    Raises:
        InvalidRequest: it is not JSON, not UTF-8, or nested too deeply.
    """
    with _as_invalid_requests():
        parsed = _DECODER.decode(body.decode("utf-8"))
    _check_depth(body, [parsed], MAX_NESTED + 1)
    return parsed


def members(body: bytes) -> dict[str, tuple[Any, str]] | None:
    """Return the members of an object: of each its value, and the text of that, letter for letter.

    None when the text is JSON, but no object.

    Raises:
        InvalidRequest: as for parse, and for a member that stands there twice: which of them counts, nobody could say.
    """
    with _as_invalid_requests():
        text = body.decode("utf-8")
        start = _after_space(text, 0)
        if not text.startswith("{", start):
            parse(body)
            return None
        found = _take_apart(text, start + 1)
    _check_depth(body, [value for value, _ in found.values()], MAX_NESTED)
    return found


def not_json(message: str, param: str | None = None) -> InvalidRequest:
    """Return the error for a body that is not JSON that can be kept."""
    return InvalidRequest(message, param=param, code="invalid_json", status=HTTPStatus.BAD_REQUEST)


def to_json(values: Mapping[str, Any]) -> str:
    """Write an object; the data of an event stands in it as its publisher wrote it."""
    members = (
        f"{json.dumps(name)}: {value.text if isinstance(value, EventData) else json.dumps(value)}"
        for name, value in values.items()
    )
    return f"{{{', '.join(members)}}}"


@contextmanager
def _as_invalid_requests() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise not_json("The body is not UTF-8.") from None
    except RecursionError:
        raise not_json(_TOO_DEEP) from None
    except _BeyondAllNumbersError as error:
        raise not_json(str(error), "data") from None
    except ValueError as error:
        raise not_json(f"The body is not valid JSON: {str(error)[:200]}.") from None


def _take_apart(text: str, position: int) -> dict[str, tuple[Any, str]]:
    """Return the members of the object whose brace is before this position, which ends the text."""
    found: dict[str, tuple[Any, str]] = {}
    position = _after_space(text, position)
    is_over = text.startswith("}", position)
    while not is_over:
        name, position = _name(text, position)
        if name in found:
            raise ValueError(f"{name[:60]!r} stands there twice")
        start = _after_space(text, position)
        try:
            value, position = _scan(text, start)
        except StopIteration as error:
            raise json.JSONDecodeError("Expecting value", text, error.value) from None
        found[name] = (value, text[start:position])
        position = _after_space(text, position)
        is_over = text.startswith("}", position)
        if not is_over:
            position = _after_space(text, _after(",", text, position))
    if (end := _after_space(text, position + 1)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return found


def _name(text: str, position: int) -> tuple[str, int]:
    name, position = scanstring(text, _after('"', text, position))
    return name, _after(":", text, _after_space(text, position))


def _after(sign: str, text: str, position: int) -> int:
    if not text.startswith(sign, position):
        raise json.JSONDecodeError(f"Expecting {sign!r}", text, position)
    return position + 1


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _check_depth(body: bytes, level: list[Any], most: int) -> None:
    # counting is cheap, and what opens so few brackets cannot be deep
    if body.count(b"{") + body.count(b"[") <= MAX_NESTED:
        return
    for _ in range(most):
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise not_json(_TOO_DEEP)


def _inside(each: Any) -> Iterable[Any]:  # noqa: ANN401 - whatever JSON holds
    if isinstance(each, dict):
        return each.values()
    return each if isinstance(each, list) else ()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


class _BeyondAllNumbersError(ValueError):
    """A number that no double can come near to: other parsers read Infinity, or fail."""


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _BeyondAllNumbersError(f"{text[:60]} is a larger number than JSON is commonly read with.")
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_scan = _DECODER.scan_once  # type: ignore[attr-defined]
_SPACE = re.compile(r"[ \t\n\r]*")
_TOO_DEEP = f"The body is nested more than {MAX_NESTED} levels deep."
