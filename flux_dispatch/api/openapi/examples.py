"""Examples of whole bodies and answers, put together from the examples of their fields."""

from collections.abc import Mapping
from typing import Any


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any], *, whole: bool) -> Any:  # noqa: ANN401
    """Return an example, any JSON, of what a schema describes: its own, or one that is put together from its parts.

    A whole one has all fields, another one those which are always there.
    """
    match schema:
        case {"examples": [first, *_]} | {"const": first} | {"enum": [first, *_]}:
            return first
        case {"$ref": reference}:
            return example_of(components[reference.rpartition("/")[2]], components, whole=whole)
        case {"anyOf": [first, *_]}:
            return example_of(first, components, whole=whole)
        case {"type": "object"}:
            names = [name for name in schema["properties"] if whole or name in schema["required"]]
            return {name: example_of(schema["properties"][name], components, whole=whole) for name in names}
        case {"type": "array"}:
            return [example_of(schema["items"], components, whole=whole)]
        case {"type": "boolean"}:
            return schema.get("default", False)
    raise LookupError(f"There is no example in {schema}.")
