"""What a sweep finds: deliveries that are due, were forgotten, or whose worker died."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, cast

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, format_id


class SweepAction(StrEnum):
    """What a sweep did about a delivery: the UPDATE that found it has committed it already."""

    ENQUEUE = "enqueue"
    """Due within the horizon, or its message was lost: to be enqueued."""

    RESCUED = "rescued"
    """Its worker died: scheduled again at once under the same number, to be enqueued."""

    WORKER_LOST = "worker_lost"
    """Its worker died once too often: now leased by this sweeper, which must settle it as a failed attempt."""

    EXHAUSTED = "exhausted"
    """Its final-failure task never ran: to be enqueued."""

    CANCELED = "canceled"
    """Its webhook is deleted or disabled."""

    LEASED = "leased"
    """In flight; the sweeper comes again when the lease ends."""


@dataclass(frozen=True, slots=True)
class SweptDelivery:
    """One delivery that a sweep went over; `attempt` is the number of its next, or present, attempt.

    `recovered_after` is how many of those before it do not count for the retry policy.
    """

    delivery: DeliveryId
    account: AccountId
    action: SweepAction
    attempt: int
    due_in_seconds: float
    lease_token: str | None
    recovered_after: int = 0


@dataclass(frozen=True, slots=True)
class DueGroup:
    """Deliveries of one account that are to be swept since the same second."""

    second: datetime
    account: AccountId


BEGINNING: Final = DueGroup(datetime(2000, 1, 1, tzinfo=UTC), cast(AccountId, format_id(Prefix.ACCOUNT, "0" * 32)))
"""Comes before every group."""


@dataclass(frozen=True, slots=True)
class NextDue:
    """When there is something to sweep, or None for never, by the database's clock, which said `now`."""

    now: datetime
    first_attempts: datetime | None
    retries: datetime | None
    unsent_alerts: bool
    has_parked: bool = False
    has_fan_outs: bool = False

    def of(self, *, retries: bool) -> datetime | None:
        """Return when there is a retry, or a first attempt, to sweep."""
        return self.retries if retries else self.first_attempts


def share_out(groups: Sequence[DueGroup], most: int) -> list[tuple[DueGroup, int]]:
    """Say how many of each group to sweep: about as many of each account, and about `most` in all.

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
