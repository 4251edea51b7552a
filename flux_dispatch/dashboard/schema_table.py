"""A JSON Schema as a table that people read: a row for each property, those of parts behind the part they are in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from flux_dispatch.dashboard.schema_words import ANNOTATIONS, TOLD, limits_of, type_of
from flux_dispatch.domain.schema_size import MAX_SCHEMA_DEPTH

ANY_OTHER: Final = "*"
"""The name of a row that stands for every property which has none of its own."""

_STRUCTURE: Final = frozenset({"properties", "required", "items"})


@dataclass(frozen=True, slots=True)
class Property:
    """One row: `within` is the path of the part that it is in, like `items[].`, and `depth` how deep that is.

    `is_whole` says that all that the schema asks of it stands here.
    """

    name: str
    within: str
    depth: int
    type: str
    is_required: bool
    description: str
    limits: Sequence[str]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class SchemaTable:
    """The rows, what is asked of the data as a whole, and whether that is all that the schema asks."""

    rows: Sequence[Property]
    limits: Sequence[str]
    is_whole: bool


def schema_table(text: str) -> SchemaTable:
    """Return what a schema of the catalogue asks for; what cannot be told as rows is left out, and says so."""
    schema = json.loads(text)
    reader = _Reader(schema)
    root, is_whole = reader.part(schema)
    reader.read(root, "", 0)
    return SchemaTable(reader.rows, limits_of(root), is_whole and all(each.is_whole for each in reader.rows))


class _Reader:
    """Reads the properties of parts, of each with those that its own parts have."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.rows: list[Property] = []
        self._schema = schema

    def read(self, part: Mapping[str, Any], within: str, depth: int) -> None:
        """Add the rows of a part."""
        required = part.get("required", [])
        for name, each in part.get("properties", {}).items():
            self._add(each, name, within, depth, is_required=name in required)
        others = part.get("additionalProperties")
        if isinstance(others, dict):
            self._add(others, ANY_OTHER, within, depth, is_required=False)

    def part(self, given: object) -> tuple[Mapping[str, Any], bool]:
        """Return a part with what it names in its place, and whether that can be told whole."""
        if not isinstance(given, dict):
            # true asks for nothing, false for what there is not
            return {}, given is True
        part, is_whole = self._with_named(given)
        part = _nullable(part)
        if isinstance(part.get("items"), dict):
            items, is_each_whole = self.part(part["items"])
            part, is_whole = {**part, "items": items}, is_whole and is_each_whole
        return part, is_whole and part.keys() <= TOLD | ANNOTATIONS | _STRUCTURE

    def _add(self, given: object, name: str, within: str, depth: int, *, is_required: bool) -> None:
        part, is_whole = self.part(given)
        is_too_deep = depth >= MAX_SCHEMA_DEPTH
        self.rows.append(
            Property(
                name=name,
                within=within,
                depth=depth,
                type=type_of(part),
                is_required=is_required,
                description=str(part.get("description") or part.get("title") or ""),
                limits=limits_of(part),
                is_whole=is_whole and not is_too_deep,
            )
        )
        path = f"{within}{name}"
        while isinstance(part.get("items"), dict):
            part, path = part["items"], f"{path}[]"
        if not is_too_deep:
            self.read(part, f"{path}.", depth + 1)

    def _with_named(self, part: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        for _ in range(MAX_SCHEMA_DEPTH):
            if "$ref" not in part:
                return part, True
            named = self._named(part["$ref"])
            if named is None:
                break
            own = {keyword: value for keyword, value in part.items() if keyword != "$ref"}
            if own.keys() & named.keys() - ANNOTATIONS:
                break  # both ask for it, and a row says only one
            part = {**named, **own}
        return {keyword: value for keyword, value in part.items() if keyword != "$ref"}, False

    def _named(self, reference: object) -> dict[str, Any] | None:
        """Return the part at a JSON pointer (RFC 6901) within the schema; None for what is named otherwise."""
        place: Any = self._schema
        pointer = unquote(str(reference))
        if not pointer.startswith("#/"):
            return None
        for step in pointer[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(place, dict) or key not in place:
                return None
            place = place[key]
        return place if isinstance(place, dict) else None


def _nullable(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part that is one thing or null, which is often written as two alternatives, as that thing or null."""
    for keyword in ("anyOf", "oneOf"):
        choices = part.get(keyword)
        if not isinstance(choices, list):
            continue
        things = [each for each in choices if each != {"type": "null"}]
        if len(things) != 1 or len(choices) != 2 or not isinstance(things[0], dict):  # noqa: PLR2004 - it or null
            continue
        (thing,), own = things, {name: value for name, value in part.items() if name != keyword}
        if isinstance(thing.get("type"), str) and not own.keys() & thing.keys() - ANNOTATIONS:
            return {**thing, **own, "type": [thing["type"], "null"]}
    return part
