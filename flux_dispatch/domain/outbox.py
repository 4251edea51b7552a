"""The outbox: events that services write in their own transactions, and what becomes of each."""

import json
from dataclasses import dataclass
from datetime import datetime

from flux_dispatch.domain.errors import CallerError, InvalidRequest
from flux_dispatch.domain.event import Event, carried, compose_body
from flux_dispatch.domain.ids import AccountId, EventId


@dataclass(frozen=True, slots=True)
class WrittenEvent:
    """An event as it stands in the outbox; id and time are those of the call that wrote it, `data` its JSON text."""

    id: EventId
    account: AccountId
    type: str
    data: str
    idempotency_key: str | None
    written_at: datetime

    def to_event(self) -> Event:
        """Return the event with the body that every receiver gets.

        Raises:
            InvalidRequest: its data cannot be carried.
        """
        try:
            json.loads(self.data)
            data = carried(self.data)
        except (ValueError, RecursionError):
            raise InvalidRequest("data is not JSON that can be read.", param="data", code="invalid_json") from None
        body = compose_body(self.id, self.type, self.written_at, data)
        return Event(self.id, self.account, self.type, self.written_at, body, self.idempotency_key)


@dataclass(frozen=True, slots=True)
class Refused:
    """An event of the outbox that cannot be published, and why."""

    written: WrittenEvent
    error: CallerError
