"""The form that publishes an event by hand: its type, and its data as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from flux_dispatch.dashboard.json_field import json_object, not_an_object
from flux_dispatch.domain.event import EventData, carried, validate_publishable_type


@dataclass(frozen=True, slots=True)
class EventForm:
    """What stands in the fields."""

    type: str = ""
    data: str = ""

    @classmethod
    def read(cls, form: Mapping[str, Any]) -> Self:
        """Return what was sent."""
        return cls(str(form.get("type", "")).strip(), str(form.get("data", "")).replace("\r\n", "\n"))

    def wanted(self) -> tuple[str, EventData]:
        """Return type and data of the event.

        Raises:
            InvalidRequest: one is not what it must be; `param` names the field.
        """
        return validate_publishable_type(self.type), _data(self.data.strip())


def _data(text: str) -> EventData:
    value = json_object(text, "data")
    if value is None:
        raise not_an_object("data")
    return carried(text)
