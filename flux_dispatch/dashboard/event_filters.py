"""What a list of events is narrowed by, as it stands in the address; an id in it leads straight to a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from flux_dispatch.domain.errors import InvalidRequest, MalformedId
from flux_dispatch.domain.event import validate_event_type
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.store.events import EVENT_STATUSES

NAMES: Final = ("type", "status", "created_after", "created_before")

PLACES: Final[Mapping[Prefix, str]] = {
    Prefix.EVENT: "events",
    Prefix.DELIVERY: "deliveries",
    Prefix.WEBHOOK: "webhooks",
}
"""Below which path the page of an id is."""

_YEARS: Final = range(1970, 10_000)


@dataclass(frozen=True, slots=True)
class EventFilters:
    """What was asked for, as it was written; `id` is one that was searched for."""

    given: Mapping[str, str]
    id: str

    def wanted(self) -> dict[str, Any]:
        """Return the filters for the store.

        Raises:
            InvalidRequest: one is not what it must be; `param` names it.
        """
        read = {"type": validate_event_type, "status": _status, "created_after": time_in, "created_before": time_in}
        found: dict[str, Any] = {}
        for name, text in self.given.items():
            try:
                found[name] = read[name](text)
            except InvalidRequest as error:
                raise InvalidRequest(error.message, param=name, code=error.code) from None
        return found

    def place(self) -> str | None:
        """Return the path, below the account's, of the page of the id that was searched for; None if none was.

        Raises:
            InvalidRequest: it is no id.
        """
        if not self.id:
            return None
        for prefix, place in PLACES.items():
            try:
                parse_id(prefix, self.id)
            except MalformedId:
                continue
            return f"{place}/{self.id}"
        message = "This is no id: that of an event is evt_ and 32 hex digits. Paste the whole of it."
        raise InvalidRequest(message, param="id")


def event_filters(request: web.Request) -> EventFilters:
    """Return what the address asks for."""
    given = {name: request.query.get(name, "").strip() for name in NAMES}
    return EventFilters({name: text for name, text in given.items() if text}, request.query.get("id", "").strip())


def time_in(text: str) -> datetime:
    """Return an instant; UTC unless it says otherwise, as what a browser's field for times sends.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        value = datetime.fromisoformat(text)
        instant = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        instant = None
    if instant is None or instant.year not in _YEARS:
        raise InvalidRequest("Give a time like 2026-01-15T10:30, in UTC.")
    return instant


def _status(text: str) -> str:
    if text not in EVENT_STATUSES:
        raise InvalidRequest(f"There is no such status. There are {', '.join(EVENT_STATUSES)}.")
    return text
