"""What operators are told of all accounts together: how much is open, what has been due longest, and who works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flux_dispatch.domain.ids import AccountId, DeliveryId


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many deliveries are open, by their state; where `is_more`, some of those that are were not counted."""

    by_state: Mapping[str, int]
    is_more: bool

    @property
    def total(self) -> int:
        """How many were counted."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class OldestDue:
    """A delivery that waits for an attempt that has been due since `due_at`."""

    account: AccountId
    delivery: DeliveryId
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Answering:
    """The workers that answered, by their names, when all were asked; None where the broker took no question."""

    workers: Sequence[str] | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is measured of all accounts together at one moment; of very much, only so much is counted.

    `oldest_due_seconds` is for how long the delivery has been due that waits longest, and `outbox_oldest_seconds` for
    how long the event of the outbox has waited; 0 when none does. A channel fails while its last message has not
    arrived.
    """

    backlog: Backlog
    oldest_due_seconds: float
    parked: int
    outbox_waiting: int
    outbox_refused: int
    outbox_oldest_seconds: float
    failing_operator_channels: int
    schema_version: int
