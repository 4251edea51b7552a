"""An event type in the catalogue: what it means, an example, and the schema that its data must meet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import serialised, validate_publishable_type
from flux_dispatch.domain.text import validate_text

MAX_DESCRIPTION_LENGTH: Final = 500
MAX_GROUP_LENGTH: Final = 64
MAX_EXAMPLE_BYTES: Final = 65_536
MAX_SCHEMA_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class NewEventType:
    """An event type as it is to be stored; `example` and `schema` are JSON texts of objects."""

    name: str
    description: str
    group: str | None
    example: str | None
    schema: str | None


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type of the catalogue.

    `is_default` says that every account has it, as long as it has none of this name of its own. What is archived stays
    readable, and its data is not checked. `version` rises with every change.
    """

    id: str
    name: str
    description: str
    group: str | None
    example: str | None
    schema: str | None
    version: int
    is_default: bool
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where data does not meet a schema: the path to it, the keyword that it breaks, and what that one says.

    Of the data it holds names, never a value: it is answered, and may come into a log.
    """

    path: tuple[str | int, ...]
    rule: str
    says: str


def draft_event_type(values: Mapping[str, Any]) -> NewEventType:
    """Return what these values make: name, and if given description, group, example and schema.

    Raises:
        InvalidRequest: one is not what it must be; `param` names it.
    """
    return NewEventType(
        name=validate_publishable_type(values["name"], param="name"),
        description=validate_text(values.get("description") or "", "description", most=MAX_DESCRIPTION_LENGTH, least=0),
        group=validate_text(values["group"], "group", most=MAX_GROUP_LENGTH) if values.get("group") else None,
        example=_object_text(values.get("example"), "example", MAX_EXAMPLE_BYTES),
        schema=_object_text(values.get("schema"), "schema", MAX_SCHEMA_BYTES),
    )


def schema_mismatch(event_type: str, found: Mismatch, root: str = "data") -> InvalidRequest:
    """Return the error for data that does not meet the schema of its type; `root` is where the data stands."""
    path = path_of(found.path, root)
    message = f"{path} does not meet the schema of {event_type}, rule {found.rule}: {found.says}."
    return InvalidRequest(message, param=path, code="schema_mismatch")


def too_costly() -> InvalidRequest:
    """Return the error for data that takes more time or memory to check than it may."""
    message = (
        "Whether this data meets the schema of its type takes too long to check. Send less data, or give the type a "
        "simpler schema: fewer parts, patterns and lists of alternatives."
    )
    return InvalidRequest(message, param="data", code="schema_too_costly")


def path_of(steps: Sequence[str | int], root: str) -> str:
    """Return a place in JSON as `param` has it, like `data.items[0].price`; names are cut at 60 characters."""
    return root + "".join(f"[{each}]" if isinstance(each, int) else f".{each[:60]}" for each in steps)


def _object_text(value: dict[str, Any] | None, param: str, most: int) -> str | None:
    if value is None:
        return None
    try:
        text = serialised(value).text
    except InvalidRequest as error:
        raise InvalidRequest(error.message, param=param, code=error.code, status=error.status) from None
    if len(text) > most:
        code = "invalid_schema" if param == "schema" else "invalid_value"
        raise InvalidRequest(f"{param} is larger than {most // 1024} KiB.", param=param, code=code)
    return text


def object_in(text: str | None) -> dict[str, Any] | None:
    """Return the object that a stored JSON text holds."""
    return None if text is None else dict(json.loads(text))
