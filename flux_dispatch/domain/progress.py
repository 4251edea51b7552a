"""How far events and their deliveries have come: little enough to be told again each moment."""

from dataclasses import dataclass
from datetime import datetime

from flux_dispatch.domain.ids import DeliveryId, EventId, WebhookId


@dataclass(frozen=True, slots=True)
class EventProgress:
    """An event, what its deliveries come to, and how many of them are open or have ended how."""

    id: EventId
    type: str
    created_at: datetime
    status: str
    open: int
    delivered: int
    failed: int
    canceled: int
    is_test: bool

    @property
    def total(self) -> int:
        """How many deliveries it has."""
        return self.open + self.delivered + self.failed + self.canceled


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """A delivery and its state; `attempts` were made, `due_at` is when the next one is, `ended_at` when it was over."""

    id: DeliveryId
    webhook: WebhookId
    state: str
    attempts: int
    due_at: datetime | None
    ended_at: datetime | None
