"""A recovery: everything of a span of time that a webhook missed is delivered to it after all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId, DeliveryId, RecoveryId, WebhookId

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No event is older: its id begins with its milliseconds since then."""


class RecoveryStatus(StrEnum):
    """How far a recovery has come."""

    PENDING = "pending"
    """Asked for, and no worker has begun. Moments."""

    RUNNING = "running"
    """A worker has recovered a page, and there is more."""

    COMPLETED = "completed"
    """It came to the end of its span. Final."""

    CANCELED = "canceled"
    """Somebody asked for that, or the webhook was disabled or deleted; what it has recovered stays so. Final."""


class StopReason(StrEnum):
    """Why a recovery was canceled."""

    REQUESTED = "requested"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_DELETED = "webhook_deleted"


@dataclass(frozen=True, slots=True)
class Span:
    """The events that are meant, by when they were made: from `since` on, and before `until`, to the millisecond."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Missed:
    """How many deliveries a webhook missed, by why: given up, canceled, or never made though it wants such events."""

    failed: int
    canceled: int
    never_attempted: int

    def __add__(self, other: "Missed") -> "Missed":
        return Missed(
            self.failed + other.failed,
            self.canceled + other.canceled,
            self.never_attempted + other.never_attempted,
        )

    @property
    def total(self) -> int:
        """How many in all."""
        return self.failed + self.canceled + self.never_attempted


@dataclass(frozen=True, slots=True)
class Recovery:
    """A recovery as it is stored: `recovered` is what it has done, for all events before `position`."""

    id: RecoveryId
    account: AccountId
    webhook: WebhookId
    span: Span
    position: datetime
    status: RecoveryStatus
    reason: StopReason | None
    recovered: Missed
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class NotBegun:
    """Why no recovery was begun: the webhook has one that is not over, or (None) is disabled."""

    open: RecoveryId | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a recovery is done in one transaction, and how fast the next one may follow.

    Attributes:
        page: about how many deliveries are recovered.
        scan: how many events are looked through for them.
        per_second: how many deliveries of one webhook are recovered in a second, at most.
    """

    page: int
    scan: int
    per_second: int


@dataclass(frozen=True, slots=True)
class RecoveredPage:
    """What one transaction did for a recovery, and how it stands then.

    `deliveries` are those that are due now, each with the number of its next attempt.
    """

    recovery: RecoveryId
    account: AccountId
    status: RecoveryStatus
    deliveries: Sequence[tuple[DeliveryId, int]]


def span_of(since: datetime, until: datetime | None, *, now: datetime) -> Span:
    """Return the span that is asked for; it ends now unless it says otherwise.

    Raises:
        InvalidRequest: it begins in the future, ends there, or before it begins; `param` names what to mend.
    """
    if since >= now:
        raise InvalidRequest(
            "since lies in the future. Give the time of the first event that was missed.", param="since"
        )
    since = max(since, BEGINNING)
    if until is None:
        return Span(since, now)
    if until > now:
        raise InvalidRequest("until lies in the future. Leave it out to mean now.", param="until")
    if until <= since:
        raise InvalidRequest(
            "until is not later than since, so nothing lies between. Give a later time.", param="until"
        )
    return Span(since, until)
