"""A field of a form that holds a JSON object, as people type or paste it."""

import json
from math import isinf
from typing import Any, Final, NoReturn

from flux_dispatch.domain.errors import InvalidRequest

MAX_NESTED: Final = 100
"""How deep it may be nested, as in the API: a receiver's parser may stop earlier."""


def json_object(text: str, param: str) -> dict[str, Any] | None:
    """Return the object that was typed; None where nothing was.

    Raises:
        InvalidRequest: it is no JSON object, or one that others would read otherwise; `param` is this field.
    """
    if not text.strip():
        return None
    try:
        text.encode()
        value = _DECODER.decode(text)
    except RecursionError:
        raise InvalidRequest(_TOO_DEEP, param=param, code="invalid_json") from None
    except ValueError as error:
        message = f"This is not JSON: {str(error)[:200]}."
        raise InvalidRequest(message, param=param, code="invalid_json") from None
    if not isinstance(value, dict):
        raise not_an_object(param)
    if _is_too_deep(value):
        raise InvalidRequest(_TOO_DEEP, param=param, code="invalid_json")
    return value


def not_an_object(param: str) -> InvalidRequest:
    """Return the error for a field that holds no JSON object."""
    return InvalidRequest('Give a JSON object, like {"order": "ord_1001"}.', param=param, code="invalid_json")


def laid_out(text: str | None) -> str:
    """Return a stored JSON text with a line for each member; nothing where there is none."""
    return "" if text is None else json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def _is_too_deep(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_NESTED):
        inside = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [each for some in inside for each in some]
    return any(isinstance(each, dict | list) for each in level)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"{name[:60]!r} stands there twice")
        members[name] = value
    return members


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise ValueError(f"{text[:60]} is a larger number than JSON is commonly read with")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_members)
_TOO_DEEP: Final = f"This is nested more than {MAX_NESTED} levels deep."
