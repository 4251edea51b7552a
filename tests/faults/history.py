"""The database's and the receiver's records after a fault, in a form in which they can be held against each other."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flux_dispatch.domain.ids import Prefix, format_id
from tests.faults.testbed import SETTINGS, Testbed
from tests.support.receiver import Request

DELAYS = [float(each) for each in SETTINGS["FLUX_RETRY_DELAYS"].split(",")]
OK = 200


@dataclass(frozen=True)
class DeliveryRow:
    """One delivery as the database has it at the end; instants are wall-clock seconds.

    `ends` says when each attempt ended, `closed_at` when its webhook was disabled or deleted.
    """

    id: str
    event: str
    webhook: str
    path: str
    state: str
    reason: str | None
    created_at: float
    ended_at: float | None
    closed_at: float | None
    attempts: int
    numbers: list[int]
    ends: list[float]
    is_of_one_account: bool

    def due_at(self, attempt: int) -> float | None:
        """Return when the attempt of this 1-based number was due; None when the one before it is not recorded."""
        if attempt == 1:
            return self.created_at + DELAYS[0]
        ends = dict(zip(self.numbers, self.ends, strict=True))
        return ends[attempt - 1] + DELAYS[attempt - 1] if attempt - 1 in ends else None


@dataclass
class History:
    """What is known of a run: deliveries by id, arrivals by delivery in their order, and the answers given."""

    owed: dict[str, DeliveryRow]
    arrivals: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    accepted: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    """The arrivals that were answered with a 2xx."""


def read_record(testbed: Testbed) -> History:
    """Read what the database and the receiver have."""
    history = History({each.id: each for each in map(_owed, testbed.installation.rows(_OWED))})
    for request in list(testbed.receiver.requests):
        history.arrivals[request.delivery].append(request)
    for request, status in list(testbed.receiver.answered):
        if status == OK:
            history.accepted[request.delivery].append(request)
    return history


_OWED = """
    SELECT deliveries.id, deliveries.event_id, deliveries.webhook_id, url, state, reason, deliveries.attempts,
           extract(epoch FROM deliveries.ended_at)::float8 AS ended_at,
           extract(epoch FROM coalesce(deleted_at, CASE WHEN status = 'disabled' THEN updated_at END))::float8
               AS closed_at,
           array(SELECT number FROM attempts WHERE delivery_id = deliveries.id ORDER BY number) AS numbers,
           array(
               SELECT extract(epoch FROM attempts.ended_at)::float8 FROM attempts
               WHERE delivery_id = deliveries.id ORDER BY number
           ) AS ends,
           deliveries.account_id = webhooks.account_id AND events.account_id = webhooks.account_id AS is_of_one_account
    FROM deliveries JOIN webhooks ON webhooks.id = webhook_id JOIN events ON events.id = event_id
"""


def _owed(row: Any) -> DeliveryRow:
    return DeliveryRow(
        id=format_id(Prefix.DELIVERY, row["id"].hex),
        event=format_id(Prefix.EVENT, row["event_id"].hex),
        webhook=format_id(Prefix.WEBHOOK, row["webhook_id"].hex),
        path=urlsplit(row["url"]).path,
        # the delivery's id is a UUID of version 7, made by the database in the statement that stored it
        created_at=int(row["id"].hex[:12], 16) / 1000,
        **{name: row[name] for name in _AS_THEY_ARE},
    )


_AS_THEY_ARE = ["state", "reason", "ended_at", "closed_at", "attempts", "numbers", "ends", "is_of_one_account"]
