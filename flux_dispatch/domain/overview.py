"""What an account is told first: what waits longest, and which webhooks need attention."""

from dataclasses import dataclass
from datetime import datetime

from flux_dispatch.domain.attempt import LastFailure
from flux_dispatch.domain.ids import DeliveryId, EventId, WebhookId
from flux_dispatch.domain.statistics import Counts
from flux_dispatch.domain.webhook import Status


@dataclass(frozen=True, slots=True)
class OldestWaiting:
    """The open delivery whose event is the oldest; `due_at` is when its next attempt is due, None when none is left."""

    delivery: DeliveryId
    event: EventId
    created_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class NeedsAttention:
    """A webhook that was disabled for a reason, or whose attempts fail; `day` is the last 24 hours, without durations.

    `last_failure` is None where none is found.
    """

    webhook: WebhookId
    url: str
    description: str
    status: Status
    disabled_reason: str | None
    day: Counts
    last_failure: LastFailure | None
