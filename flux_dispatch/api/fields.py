"""How the fields of bodies and answers are described: what each is, an example, and what it may hold."""

from typing import Any

from pydantic import Field

from flux_dispatch.domain.event import MAX_TYPE_LENGTH
from flux_dispatch.domain.ids import Prefix, example_id


def field(description: str, example: object = None, **schema: object) -> Any:  # noqa: ANN401 - as Field itself
    """Return what describes a field; the schema says what the domain checks, in its words and not in pydantic's."""
    examples = {} if example is None else {"examples": [None if example is NULL else example]}
    extra: Any = {**examples, **schema}
    return Field(description=description, json_schema_extra=extra)


def id_field(prefix: Prefix, description: str = "") -> Any:  # noqa: ANN401 - as Field itself
    """Return what describes the id of a noun."""
    return field(description or "Its id.", example_id(prefix), pattern=id_pattern(prefix))


def time_field(description: str) -> Any:  # noqa: ANN401 - as Field itself
    """Return what describes an instant, in RFC 3339 and UTC."""
    return field(description, EXAMPLE_TIME, format="date-time")


def type_field(description: str, **schema: object) -> Any:  # noqa: ANN401 - as Field itself
    """Return what describes the name of an event type."""
    return field(description, "order.completed", **EVENT_TYPE, **schema)


def id_pattern(prefix: Prefix) -> str:
    """Return the regular expression of an id."""
    return f"^{prefix}_[0-9a-f]{{32}}$"


NULL = object()
"""In the place of an example: null is one."""

EXAMPLE_TIME = "2026-01-15T10:30:00Z"
EVENT_TYPE: dict[str, Any] = {
    "pattern": r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
    "minLength": 1,
    "maxLength": MAX_TYPE_LENGTH,
}
"""The schema of an event type's name."""
