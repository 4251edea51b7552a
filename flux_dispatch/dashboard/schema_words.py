"""What a part of a JSON Schema asks for, in words: its type, and its limits."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

MAX_VALUES: Final = 12
"""How many of the values that there may be are named."""

MAX_PIECE: Final = 120
"""In characters: what is longer, like a pattern, is cut, and whole in the JSON."""

ANNOTATIONS: Final = frozenset(
    {
        *("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "examples"),
        *("readOnly", "writeOnly", "contentMediaType", "contentEncoding"),
    }
)
"""Keywords that ask nothing of the data."""

_RANGES: Final = (
    ("minLength", "maxLength", " character", " characters"),
    ("minItems", "maxItems", " item", " items"),
    ("minProperties", "maxProperties", " property", " properties"),
    ("minimum", "maximum", "", ""),
)


def type_of(part: Mapping[str, Any]) -> str:
    """Return what the data of this part is, like `string or null`, or `array of integer`."""
    named = part.get("type")
    if named is None:
        named = "object" if "properties" in part else "array" if "items" in part else _types_of_values(part)
    names = named if isinstance(named, list) else [named]
    items = part.get("items")
    inner = f" of {type_of(items)}" if isinstance(items, dict) and type_of(items) != "any" else ""
    return " or ".join(f"{name}{inner if name == 'array' else ''}" for name in names)


def limits_of(part: Mapping[str, Any]) -> list[str]:
    """Return what else this part asks of data, a piece for each limit."""
    ranges = (_range(part.get(low), part.get(high), one, many) for low, high, one, many in _RANGES)
    single = (words(part[keyword]) for keyword, words in _SINGLE.items() if keyword in part)
    items = part.get("items")
    inner = [_each(piece) for piece in limits_of(items)] if isinstance(items, dict) else []
    return [piece for piece in (*ranges, *single, *inner) if piece]


def _types_of_values(part: Mapping[str, Any]) -> list[str]:
    values = part["enum"] if "enum" in part else [part["const"]] if "const" in part else []
    return list(dict.fromkeys(_NAMES[type(each)] for each in values)) or ["any"]


def _range(low: float | None, high: float | None, one: str, many: str) -> str | None:
    unit = one if (low if high is None else high) == 1 else many
    if low is None and high is None:
        return None
    if low is None:
        return f"at most {_json(high)}{unit}"
    if high is None:
        return f"at least {_json(low)}{unit}"
    return f"{_json(low)}{unit}" if low == high else f"{_json(low)} to {_json(high)}{unit}"


def _each(limit: str) -> str:
    return f"each of {limit}" if limit.startswith("each ") else f"each {limit}"


def _one_of(values: list[Any]) -> str:
    named = ", ".join(map(_json, values[:MAX_VALUES]))
    left = len(values) - MAX_VALUES
    return f"one of {named}" + (f" and {left} more" if left > 0 else "")


def _json(value: object) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_PIECE else f"{text[:MAX_PIECE]}…"


_NAMES: Final[Mapping[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    dict: "object",
    list: "array",
}

_SINGLE: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "exclusiveMinimum": lambda value: f"more than {_json(value)}",
    "exclusiveMaximum": lambda value: f"less than {_json(value)}",
    "multipleOf": lambda value: f"a multiple of {_json(value)}",
    "uniqueItems": lambda value: "no item twice" if value else None,
    "format": lambda value: f"format {_cut(str(value))}",
    "pattern": lambda value: f"matches {_cut(str(value))}",
    "const": lambda value: f"always {_json(value)}",
    "enum": _one_of,
    "additionalProperties": lambda value: "no other properties" if value is False else None,
    "default": lambda value: f"if left out: {_json(value)}",
    "deprecated": lambda value: "deprecated" if value else None,
}

TOLD: Final = frozenset({"type", *_SINGLE, *(keyword for low, high, *_ in _RANGES for keyword in (low, high))})
"""Keywords that type_of and limits_of put into words."""
