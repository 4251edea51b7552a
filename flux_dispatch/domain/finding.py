"""What the planner finds when it looks at deliveries whose time to be looked at has come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, cast

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, format_id


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
class DueGroup:
    """Deliveries of one account that are to be looked at since the same second."""

    second: datetime
    account: AccountId


BEGINNING: Final = DueGroup(datetime(2000, 1, 1, tzinfo=UTC), cast(AccountId, format_id(Prefix.ACCOUNT, "0" * 32)))
"""Comes before every group."""


@dataclass(frozen=True, slots=True)
class NextDue:
    """When there is something to look at, or None for never, by the database's clock, which said `now`."""

    now: datetime
    first_attempts: datetime | None
    retries: datetime | None
    unsent_alerts: bool
    has_parked: bool = False
    has_fan_outs: bool = False

    def of(self, *, retries: bool) -> datetime | None:
        """Return when there is a retry, or a first attempt, to look at."""
        return self.retries if retries else self.first_attempts


def share_out(groups: Sequence[DueGroup], most: int) -> list[tuple[DueGroup, int]]:
    """Say how many of each group to look at: about as many of each account, and about `most` in all.

    An account with many groups shares its part among the first of them, and every account gets at least one.
    """
    counts = Counter(group.account for group in groups)
    if not counts:
        return []
    part = max(most // len(counts), 1)
    shares: list[tuple[DueGroup, int]] = []
    given = Counter[AccountId]()
    for group in groups:
        own = -(-part // min(counts[group.account], part))
        if given[group.account] < part:
            given[group.account] += own
            shares.append((group, own))
    return shares
