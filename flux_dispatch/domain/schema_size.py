"""How large a schema is: what it may have, so that nobody's schema costs everybody time or memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flux_dispatch.domain.errors import InvalidRequest

MAX_SCHEMA_DEPTH: Final = 64
"""Levels of a schema, those that it names by `$ref` included."""

MAX_SCHEMA_PARTS: Final = 1000
"""How many parts a schema may have, each counted wherever a `$ref` names it. Thirty definitions that name the next one
twice would make a billion."""

PARTS_OF_A_PATTERN: Final = 20
"""What a pattern counts for: the matcher that is made of it takes as much memory."""

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

SLOW: Final = frozenset({"pattern", "patternProperties", "multipleOf", "uniqueItems"})
"""Keywords that take many times as long for each byte of the data as all others."""


@dataclass(frozen=True, slots=True)
class SchemaSize:
    """What a schema costs: `parts` to keep, and with the size of the data, to check; more if it `is_slow`."""

    parts: int
    is_slow: bool


def measure_schema(schema: Mapping[str, Any]) -> SchemaSize:
    """Return how large a schema is that asks for nothing from elsewhere and may be checked.

    Raises:
        InvalidRequest: it is of another draft, names what is not in it, names itself, or is too deep or too large.
    """
    if schema.get("$schema", DRAFT) not in {DRAFT, DRAFT + "#"}:
        raise unusable(f"its $schema must be {DRAFT}, or be left out")
    parts = _Parts(schema)
    count, _ = parts.measure(schema, 0)
    return SchemaSize(count, parts.is_slow)


def unusable(reason: str) -> InvalidRequest:
    """Return the error for a schema that cannot be used."""
    return InvalidRequest(f"This schema cannot be used: {reason}.", param="schema", code="invalid_schema")


class _Parts:
    """Measures parts of a schema: how many each has, counted wherever they are named, and how many levels."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.is_slow = False
        self._schema = schema
        self._measured: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()

    def measure(self, part: object, depth: int) -> tuple[int, int]:
        if not isinstance(part, dict | list):
            return 1, 1
        if id(part) in self._open:
            raise unusable("it names itself by $ref, so nobody could say how long a check takes")
        if id(part) not in self._measured:
            if depth > MAX_SCHEMA_DEPTH:
                raise unusable(_TOO_DEEP)
            self._open.add(id(part))
            inside = self._inside(part, depth)
            self._open.discard(id(part))
            self._measured[id(part)] = (
                1 + sum(count for count, _ in inside),
                1 + max((up for _, up in inside), default=0),
            )
        count, levels = self._measured[id(part)]
        if depth + levels > MAX_SCHEMA_DEPTH:
            raise unusable(_TOO_DEEP)
        if count > MAX_SCHEMA_PARTS:
            raise unusable(
                f"it has more than {MAX_SCHEMA_PARTS} parts, each counted wherever a $ref names it, "
                f"a pattern for {PARTS_OF_A_PATTERN}"
            )
        return count, levels

    def _inside(self, part: dict[str, Any] | list[Any], depth: int) -> list[tuple[int, int]]:
        if isinstance(part, list):
            return [self.measure(each, depth + 1) for each in part]
        self.is_slow = self.is_slow or not SLOW.isdisjoint(part)
        inside = [*(self.measure(each, depth + 1) for each in part.values()), *self._named(part, depth)]
        return [*inside, (_patterns_in(part) * PARTS_OF_A_PATTERN, 0)]

    def _named(self, part: Mapping[str, Any], depth: int) -> list[tuple[int, int]]:
        if part is not self._schema and isinstance(part.get("$id"), str):
            raise unusable("only its root may have an $id")
        for name in ("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$anchor"):
            if isinstance(part.get(name), str):
                raise unusable(f"it uses {name}; use $ref with a path, like #/$defs/price")
        reference = part.get("$ref")
        return [self.measure(self._found(reference), depth + 1)] if isinstance(reference, str) else []

    def _found(self, reference: str) -> object:
        if reference != "#" and not reference.startswith("#/"):
            raise unusable(f"its $ref {reference[:60]!r} leads out of it; only #/… is followed")
        found: Any = self._schema
        for step in reference.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name)] if isinstance(found, list) else found[name]
            except (LookupError, ValueError, TypeError):
                raise unusable(f"its $ref {reference[:60]!r} leads nowhere") from None
        return found


def _patterns_in(part: Mapping[str, Any]) -> int:
    by_name = part.get("patternProperties")
    return isinstance(part.get("pattern"), str) + (len(by_name) if isinstance(by_name, dict) else 0)


_TOO_DEEP: Final = f"it is more than {MAX_SCHEMA_DEPTH} levels deep, what it names by $ref included"
