"""The fields of a schema as rows that people read: name, type, whether it is needed, what it means, what it may be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

MOST_CHOICES: Final = 12
"""How many values are listed; of more there is a table somewhere."""

_FORMATS: Final = {"date-time": "time", "uri": "URL"}


@dataclass(frozen=True, slots=True)
class Field:
    """One row; `schema` names the schema that describes the value further, if one does."""

    name: str
    type: str
    description: str
    schema: str | None = None
    required: bool = False
    choices: Sequence[str] = ()
    limits: Sequence[str] = ()
    default: str | None = None
    fields: Sequence["Field"] = field(default_factory=tuple)


def fields_of(schema: Mapping[str, Any], *, is_request: bool) -> Sequence[Field]:
    """Return the properties of an object; whether one is required tells something of requests only."""
    required = schema.get("required", ()) if is_request else ()
    return [
        _field(name, each, each.get("description", ""), is_request=is_request, required=name in required)
        for name, each in schema["properties"].items()
    ]


def field_of_parameter(parameter: Mapping[str, Any], *, is_request: bool = True) -> Field:
    """Return a parameter of a path or query, or a header."""
    return _field(
        parameter["name"],
        parameter["schema"],
        parameter["description"],
        is_request=is_request,
        # a path is never without, and so is what we send
        required=is_request and parameter["required"] and parameter["in"] != "path",
    )


def schema_name(reference: str) -> str:
    """Return the name of the schema to which a reference points."""
    return reference.rpartition("/")[2]


def _field(name: str, schema: Mapping[str, Any], description: str, *, is_request: bool, required: bool) -> Field:
    words, named = _type(schema)
    default = schema.get("default")
    return Field(
        name=name,
        type=words,
        schema=named,
        description=description,
        required=required,
        choices=[str(each) for each in _choices(schema)],
        limits=list(_limits(schema)) if is_request else (),
        default=None if default in (None, "", {}) else str(default).lower() if default is False else str(default),
        fields=fields_of(schema, is_request=is_request) if "properties" in schema else (),
    )


def _type(schema: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return what kind of value it is, in words around the name of the schema, if there is one, as `{}`."""
    match schema:
        case {"$ref": reference}:
            return "{}", schema_name(reference)
        case {"anyOf": [first, {"type": "null"}]} | {"type": [str(first), "null"]}:
            alone = first if isinstance(first, dict) else {"type": first}
            words, named = _type({**{key: each for key, each in schema.items() if key != "anyOf"}, **alone})
            return f"{words} or null", named
        case {"type": "array", "items": items}:
            words, named = _type(items)
            return f"array of {words}", named
        case {"type": "object", "additionalProperties": {"type": str(kind)}}:
            return f"map of {kind}s", None
        case {"type": "string", "format": kind}:
            return _FORMATS.get(kind, "string"), None
    return str(schema.get("type", "string")), None


def _choices(schema: Mapping[str, Any]) -> Sequence[object]:
    match schema:
        case {"const": only}:
            return [only]
        case {"enum": [*choices]} if len(choices) > MOST_CHOICES:
            return ()
        case {"enum": choices} | {"items": {"enum": choices}} | {"anyOf": [{"enum": choices}, *_]}:
            return list(choices)
    return ()


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    for least, most, unit in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " entries"),
        ("minimum", "maximum", ""),
    ):
        if most in schema:
            low = schema.get(least, 0)
            yield f"{low} to {schema[most]:,}{unit}" if low or not unit else f"up to {schema[most]:,}{unit}"
