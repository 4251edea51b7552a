"""What a webhook never got though it wants such events: one condition, to count by and to recover by."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from flux_dispatch.domain.event import OWN_EVENTS
from flux_dispatch.store.pages import first_id

# The bounds are rows, so that one index fits best whatever the planner believes, and one stretch of it is read. By
# bounds of the ids alone all webhooks' deliveries of that time might be.
_ENDED_AS: Final = """
    SELECT event_id, id AS delivery_id FROM deliveries
    WHERE ending = {ending}{but_tests}
      AND (webhook_id, event_id) >= (:webhook, CAST(:position AS uuid))
      AND (webhook_id, event_id) < (:webhook, CAST(:end AS uuid))
    ORDER BY webhook_id, event_id
"""
_BUT_TESTS = " AND NOT is_test"

FAILED: Final = _ENDED_AS.format(ending=2, but_tests=_BUT_TESTS)
CANCELED: Final = _ENDED_AS.format(ending=3, but_tests=_BUT_TESTS)
"""Deliveries of the webhook with this ending, to events from :position on and before :end, in their order."""

_THEIRS: Final = """
    (account_id, id) >= (:account, CAST(:position AS uuid)) AND (account_id, id) < (:account, CAST(:end AS uuid))
"""

BEYOND: Final = text(f"SELECT id FROM events WHERE {_THEIRS} ORDER BY account_id, id OFFSET :scan LIMIT 1")  # noqa: S608 - ours
"""The first event of the same stretch behind as many as are looked through at once; none, if they are fewer."""

_HAS_DELIVERY = " UNION ALL ".join(
    f"(SELECT event_id FROM ({_ENDED_AS.format(ending=each, but_tests='')}) AS ended)"  # noqa: S608 - ours
    for each in range(4)
)

# A test is meant for one webhook.
_TESTS = """
    SELECT event_id FROM deliveries
    WHERE is_test AND (account_id, event_id) >= (:account, CAST(:position AS uuid))
      AND (account_id, event_id) < (:account, CAST(:end AS uuid))
"""

# EXCEPT has each stretch read once, whatever the planner believes of their lengths.
NEVER_ATTEMPTED: Final = f"""
    SELECT id FROM events
    WHERE {_THEIRS} AND (
        type = ANY(CAST(:types AS text[])) OR type ^@ ANY(CAST(:prefixes AS text[]))
        OR CAST(:all AS boolean) AND NOT type ^@ '{OWN_EVENTS}'
    )
    EXCEPT ({_HAS_DELIVERY} UNION ALL ({_TESTS}))
"""  # noqa: S608 - ours
"""The ids of events of the same stretch that the webhook wants and has no delivery for, whatever became of it."""


def whose(account: UUID, webhook: UUID, patterns: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that say whose deliveries are meant, and which types of events.

    A pattern that ends with `.*` is a prefix; `*` is everything but events of our own.
    """
    return {
        "account": account,
        "webhook": webhook,
        "types": [each for each in patterns if not each.endswith("*")],
        "prefixes": [each.removesuffix("*") for each in patterns if each.endswith(".*")],
        "all": "*" in patterns,
    }


def place(instant: datetime) -> UUID:
    """Return the first id that an event of this millisecond may have: ids begin with the time."""
    return UUID(first_id(instant, 0))


def time_of(event: UUID) -> datetime:
    """Return the millisecond that an event's id begins with."""
    return datetime.fromtimestamp((event.int >> 80) / 1000, UTC)
