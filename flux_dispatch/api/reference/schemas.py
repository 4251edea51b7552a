"""Where on the page each schema is described: beside the resource that first answers with it, its parts after it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flux_dispatch.api.reference.fields import Field, fields_of, schema_name

LEAST_SHARED: Final = 3
"""How many fields a schema must have for another one to be told by what it has beyond them."""


@dataclass(frozen=True, slots=True)
class Described:
    """A schema: all its fields, or those beyond the ones of `extends`; or the values that there are."""

    name: str
    description: str
    extends: str | None
    fields: Sequence[Field]
    values: Sequence[str]


class Schemas:
    """The schemas of the document, each of which is described once."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components
        self._told: set[str] = set()

    def tell(self, name: str) -> Mapping[str, Any]:
        """Return a schema that is about to be described where it is used."""
        self._told.add(name)
        return self._components[name]  # type: ignore[no-any-return]

    def described(self, schemas: Sequence[object]) -> Sequence[Described]:
        """Return what these refer to and was not described yet, with what that refers to."""
        names = [name for each in schemas for name in _references(each)]
        # a body was told with its operation, its parts were not
        parts = [part for name in names if name in self._told for part in _references(self._components[name])]
        return list(self._described(iter([*names, *parts])))

    def _described(self, names: Iterator[str]) -> Iterator[Described]:
        for name in names:
            if name in self._told:
                continue
            extends = self._extended(name)
            if extends:
                yield from self._described(iter([extends]))
            schema = self.tell(name)
            known = self._components[extends]["properties"] if extends else {}
            own = {key: each for key, each in schema.get("properties", {}).items() if key not in known}
            yield Described(
                name=name,
                description=schema.get("description", ""),
                extends=extends,
                fields=fields_of({**schema, "properties": own}, is_request="additionalProperties" in schema),
                values=schema.get("enum", ()),
            )
            yield from self._described(_references(own))

    def _extended(self, name: str) -> str | None:
        """Return the largest schema whose fields this one has too, and more."""
        own = self._components[name].get("properties", {}).items()
        smaller = {
            other: each["properties"].items()
            for other, each in self._components.items()
            if LEAST_SHARED <= len(each.get("properties", ())) < len(own) and "additionalProperties" not in each
        }
        fits = [other for other, shared in smaller.items() if all(each in own for each in shared)]
        return max(fits, key=lambda other: len(smaller[other]), default=None)


def _references(schema: object) -> Iterator[str]:
    """Yield the names of the schemas that a part of the document refers to, in order."""
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str) and schema["$ref"].startswith("#/components/schemas/"):
            yield schema_name(schema["$ref"])
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)
