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

MAX_DIGITS: Final = 4300
"""How long an integer may be: longer ones Python does not read, for it would take time that grows with their square."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what the text holds.

    Raises:
        InvalidRequest: it is not JSON, not UTF-8, or nested too deeply, or an object has a name twice: which of them
            counts, nobody could say.
    """
    with _as_invalid_requests():
        text = body.decode("utf-8")
        try:
            parsed = _STRICT_DECODER.decode(text)
        except ValueError as error:
            raise _named(error, text) from None
    _check_depth(body, [parsed], MAX_NESTED + 1)
    return parsed


def members(body: bytes) -> dict[str, tuple[Any, str]] | None:
    """Return the members of an object: of each its value, and the text of that, letter for letter.

    None when the text is JSON, but no object.

    Raises:
        InvalidRequest: as for parse, and for a member that stands there twice: which of them counts, nobody could say.
    """
    with _as_invalid_requests("data"):
        text = body.decode("utf-8")
        start = _after_space(text, 0)
        if not text.startswith("{", start):
            parse(body)
            return None
        found, end = _take_apart(text, start + 1)
        _check_end(text, end)
    _check_depth(body, [value for value, _ in found.values()], MAX_NESTED)
    return found


def members_of_each(body: bytes, name: str) -> dict[str, Any] | None:
    """Return the members of an object by their names, and for the array of this name a list of what it holds.

    Of each object in it stand there the members as `members` has them, so that each may be as deep as if it came alone.
    What is wrong with one says so by its `param`, like `events[17]`.

    Raises:
        InvalidRequest: as for members.
    """
    with _as_invalid_requests():
        text = body.decode("utf-8")
        start = _after_space(text, 0)
        if not text.startswith("{", start):
            parse(body)
            return None
        found, end = _take_apart(text, start + 1, each_of=name)
        _check_end(text, end)
    given = {each: value for each, (value, _) in found.items()}
    _check_depth(body, [value for each, value in given.items() if each != name], MAX_NESTED)
    for index, each in enumerate(given[name] if isinstance(given.get(name), list) else ()):
        level = [value for value, _ in each.values()] if isinstance(each, dict) else [each]
        _check_depth(body, level, MAX_NESTED, f"{name}[{index}]")
    return given


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
def _as_invalid_requests(numbers_in: str | None = None) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise not_json("The body is not UTF-8.") from None
    except RecursionError:
        raise not_json(_TOO_DEEP) from None
    except _BeyondAllNumbersError as error:
        raise not_json(str(error), numbers_in) from None
    except ValueError as error:
        raise _invalid(error) from None


def _invalid(error: ValueError, param: str | None = None) -> InvalidRequest:
    return not_json(f"The body is not valid JSON: {str(error)[:200]}.", param)


def _take_apart(text: str, position: int, each_of: str | None = None) -> tuple[dict[str, tuple[Any, str]], int]:
    """Return the members of the object whose brace is before this position, and the position of the other brace."""
    found: dict[str, tuple[Any, str]] = {}
    position = _after_space(text, position)
    is_over = text.startswith("}", position)
    while not is_over:
        name, position = _name(text, position)
        if name in found:
            raise _TwiceError(name)
        start = _after_space(text, position)
        if name == each_of and text.startswith("[", start):
            value, position = _each(text, start + 1, name)
        else:
            value, position = _value(text, start)
        found[name] = (value, text[start:position])
        position, is_over = _after_comma(text, position, "}")
    return found, position


def _each(text: str, position: int, name: str) -> tuple[list[Any], int]:
    """Return what the array holds whose bracket is before this position, and where it ends."""
    found: list[Any] = []
    position = _after_space(text, position)
    is_over = text.startswith("]", position)
    while not is_over:
        try:
            if text.startswith("{", position):
                value, position = _take_apart(text, position + 1)
                position += 1
            else:
                value, position = _value(text, position)
        except _BeyondAllNumbersError as error:
            raise not_json(str(error), f"{name}[{len(found)}].data") from None
        except ValueError as error:
            raise _invalid(error, f"{name}[{len(found)}]") from None
        found.append(value)
        position, is_over = _after_comma(text, position, "]")
    return found, position + 1


def _value(text: str, position: int) -> tuple[Any, int]:
    try:
        value, end = _scan(text, position)
    except StopIteration as error:
        raise json.JSONDecodeError("Expecting value", text, error.value) from None
    except ValueError as error:
        raise _named(error, text, position) from None
    return value, end


def _named(error: ValueError, text: str, position: int = 0) -> ValueError:
    """Return the error for an integer that Python refused to read, or else the one that came."""
    # each run of digits once; a pattern for long ones would begin anew at each digit of the shorter ones
    long = next((run for run in _DIGITS.finditer(text, position) if len(run[0]) > MAX_DIGITS), None)
    return error if type(error) is not ValueError or long is None else _BeyondAllNumbersError(long[0])


def _after_comma(text: str, position: int, closing: str) -> tuple[int, bool]:
    """Return where the next thing begins, or that there is none and where the closing bracket is."""
    position = _after_space(text, position)
    if text.startswith(closing, position):
        return position, True
    return _after_space(text, _after(",", text, position)), False


def _check_end(text: str, brace: int) -> None:
    if (end := _after_space(text, brace + 1)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)


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


def _check_depth(body: bytes, level: list[Any], most: int, param: str | None = None) -> None:
    # counting is cheap, and what opens so few brackets cannot be deep
    if body.count(b"{") + body.count(b"[") <= MAX_NESTED:
        return
    for _ in range(most):
        if not level:
            return
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise not_json(_TOO_DEEP, param)


def _inside(each: Any) -> Iterable[Any]:  # noqa: ANN401 - whatever JSON holds
    if isinstance(each, dict):
        return each.values()
    return each if isinstance(each, list) else ()


def _refuse_constant(name: str) -> NoReturn:
    raise _NoNumberError(f"{name} is no JSON number")


class _NoNumberError(ValueError):
    """A word that JSON does not have."""


class _TwiceError(ValueError):
    """A name that stands in an object twice."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:60]!r} stands there twice")


class _BeyondAllNumbersError(ValueError):
    """A number that no double can come near to: other parsers read Infinity, or fail."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text[:60]} is a larger number than JSON is commonly read with.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _BeyondAllNumbersError(text)
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_scan = _DECODER.scan_once  # type: ignore[attr-defined]
_STRICT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_once)
_SPACE = re.compile(r"[ \t\n\r]*")
_DIGITS = re.compile(r"[0-9]+")
_TOO_DEEP = f"The body is nested more than {MAX_NESTED} levels deep."
