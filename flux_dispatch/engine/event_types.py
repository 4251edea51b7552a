"""Event types: an account describes what it publishes, and has its data checked."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

from flux_dispatch.domain.errors import InvalidRequest, NotFound, Unavailable
from flux_dispatch.domain.event_type import (
    EventType,
    Mismatch,
    NewEventType,
    draft_event_type,
    object_in,
    schema_mismatch,
)
from flux_dispatch.domain.ids import AccountId

MAX_EVENT_TYPES: Final = 1000
"""How many an account may have of its own."""

UPDATE_TRIES: Final = 10
"""How often a change is begun anew because another was made since it read what it changes."""


class EventTypeStore(Protocol):
    """What these verbs need of the store."""

    async def create(self, account: AccountId, draft: NewEventType, *, most: int) -> EventType | None:
        """Store a new event type; None when there is one of this name, or `most` of the account."""
        ...

    async def update(self, account: AccountId, draft: NewEventType, *, version: int) -> EventType | None:
        """Store what an event type has become; None when there is none of this name, or no longer of this version."""
        ...

    async def archive(self, account: AccountId, name: str) -> bool:
        """Archive an event type; False when there is none of this name."""
        ...


class EventTypeQueries(Protocol):
    """What these verbs must know of what is stored."""

    async def get(self, account: AccountId, name: str) -> EventType | None:
        """Return an event type."""
        ...


class Schemas(Protocol):
    """What these verbs need of schemas."""

    async def check(self, account: AccountId, schema_text: str, example_text: str | None) -> Mismatch | None:
        """Return where an example does not meet a schema; InvalidRequest when the schema cannot be used."""
        ...


class EventTypes:
    """Creates, changes and archives event types.

    Args:
        store: writes them.
        queries: reads them.
        schemas: checks what a schema is.
    """

    def __init__(self, store: EventTypeStore, queries: EventTypeQueries, schemas: Schemas) -> None:
        self._store = store
        self._queries = queries
        self._schemas = schemas

    async def create(self, account: AccountId, values: Mapping[str, Any]) -> EventType:
        """Store a new event type; one that was archived is made anew, one that every account has is replaced.

        Raises:
            InvalidRequest: a value is not what it must be, the example does not meet the schema, there is one of this
                name, or the account has as many as it may have. Nothing is stored.
        """
        draft = await self._checked(account, draft_event_type(values))
        made = await self._store.create(account, draft, most=MAX_EVENT_TYPES)
        if made is not None:
            return made
        found = await self._queries.get(account, draft.name)
        if found is not None and not found.is_default:
            message = f"There is an event type {draft.name}. Change it with PATCH /v1/event-types/{draft.name}."
            raise InvalidRequest(message, param="name", code="event_type_exists", status=HTTPStatus.CONFLICT)
        message = f"This account has {MAX_EVENT_TYPES} event types and may not have more."
        raise InvalidRequest(message, code="too_many_event_types", status=HTTPStatus.CONFLICT)

    async def update(self, account: AccountId, name: str, changes: Mapping[str, Any]) -> EventType:
        """Change what is named of an event type, and nothing that another changes at the same time.

        Raises:
            InvalidRequest: as above. NotFound: there is none of this name.
            Unavailable: others change it all the time.
        """
        for _ in range(UPDATE_TRIES):
            found = await self._queries.get(account, name)
            if found is None:
                raise _not_found(name)
            draft = await self._checked(account, draft_event_type(_values_of(found) | dict(changes)))
            if (updated := await self._store.update(account, draft, version=found.version)) is not None:
                return updated
        raise Unavailable(f"Others change the event type {name} at this moment. Send the change again.")

    async def archive(self, account: AccountId, name: str) -> None:
        """Archive an event type: it stays readable, and what is published under it is not checked.

        Raises:
            NotFound: there is none of this name.
        """
        if not await self._store.archive(account, name):
            raise _not_found(name)

    async def _checked(self, account: AccountId, draft: NewEventType) -> NewEventType:
        if draft.schema is not None and (found := await self._schemas.check(account, draft.schema, draft.example)):
            raise schema_mismatch(draft.name, found, "example")
        return draft


def _values_of(found: EventType) -> dict[str, Any]:
    return {
        "name": found.name,
        "description": found.description,
        "group": found.group,
        "example": object_in(found.example),
        "schema": object_in(found.schema),
    }


def _not_found(name: str) -> NotFound:
    return NotFound(f"There is no event type {name[:128]}.")
