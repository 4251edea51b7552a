"""What the planner finds when it looks at deliveries whose time to be looked at has come."""

from dataclasses import dataclass
from enum import StrEnum

from flux_dispatch.domain.ids import AccountId, DeliveryId


class Finding(StrEnum):
    """What the planner found about a delivery, and has written down already."""

    RING = "ring"
    """Due within the horizon, or its ring was lost: to be rung."""

    RESCUED = "rescued"
    """Its worker died: scheduled again at once under the same number, to be rung."""

    LOST = "lost"
    """Its worker died once too often: now leased by this planner, which must settle it as a failed attempt."""

    EXHAUSTED = "exhausted"
    """Its final-failure task never ran: to be rung."""

    CANCELED = "canceled"
    """Its webhook is deleted or disabled."""

    BUSY = "busy"
    """Under way; the planner looks again when the lease ends."""


@dataclass(frozen=True, slots=True)
class Found:
    """One delivery that the planner looked at; `attempt` is the number of its next, or present, attempt."""

    delivery: DeliveryId
    account: AccountId
    finding: Finding
    attempt: int
    due_in_seconds: float
    token: str | None


@dataclass(frozen=True, slots=True)
class Horizon:
    """When there is something to look at, in seconds from now (negative: overdue), or None for never."""

    first_attempts: float | None
    retries: float | None
    unsent_alerts: bool
