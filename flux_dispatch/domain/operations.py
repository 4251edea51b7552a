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
class OutboxSize:
    """How many events of the outbox wait, and how many are refused and kept; of very many, only so many are counted.

    `oldest_seconds` is for how long the one has waited that was written first; 0 when none does.
    """

    waiting: int
    refused: int
    oldest_seconds: float
