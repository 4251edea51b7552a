"""The form of an event type: what its fields say, and what they ask the catalogue for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from flux_dispatch.dashboard.json_field import json_object, laid_out
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event_type import EventType

FIELDS = ("name", "description", "group", "example", "schema")


@dataclass(frozen=True, slots=True)
class EventTypeForm:
    """What stands in the fields; `example` and `schema` are JSON, or nothing.

    `version` is the one that somebody saw who changes it.
    """

    name: str = ""
    description: str = ""
    group: str = ""
    example: str = ""
    schema: str = ""
    version: str = ""

    @classmethod
    def read(cls, form: Mapping[str, Any]) -> Self:
        """Return what was sent."""
        given = {each: str(form.get(each, "")).replace("\r\n", "\n").strip() for each in (*FIELDS, "version")}
        return cls(**given)

    @classmethod
    def of(cls, event_type: EventType) -> Self:
        """Return the form that says what an event type is."""
        return cls(
            name=event_type.name,
            description=event_type.description,
            group=event_type.group or "",
            example=laid_out(event_type.example),
            schema=laid_out(event_type.schema),
            version=str(event_type.version),
        )

    def values(self) -> dict[str, Any]:
        """Return all but the name, as the verb takes it.

        Raises:
            InvalidRequest: the example or the schema is no JSON object.
        """
        return {
            "description": self.description,
            "group": self.group or None,
            "example": json_object(self.example, "example"),
            "schema": json_object(self.schema, "schema"),
        }


def refused(error: InvalidRequest) -> InvalidRequest:
    """Return why it was not taken, for people who have pages and no calls to make."""
    if error.code != "event_type_exists":
        return error
    message = "There is an event type of this name. Look it up in the list, and edit it there."
    return InvalidRequest(message, param=error.param, code=error.code, status=error.status)
