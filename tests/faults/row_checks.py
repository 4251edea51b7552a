"""The rows, checked: what the database says at the end, and the transitions that led there."""

from collections import Counter

from flux_dispatch.domain.delivery import State
from tests.faults.history import DELAYS, DeliveryRow, History
from tests.faults.testbed import Testbed
from tests.support.recount import STATISTICS_THAT_DIFFER, STATUSES_THAT_DIFFER


def check_rows(testbed: Testbed, history: History) -> list[str]:
    """Return what is wrong with the rows, in words."""
    wrong = [
        f"{count} deliveries rest {how}" for how, count in Counter(map(_unrest, history.owed.values())).items() if how
    ]
    rows = testbed.installation.rows
    wrong += [f"{row['delivery_id']} went from {row['was']} to {row['became']}" for row in rows(_ILLEGAL)]
    if rows(_ALERTS):
        wrong.append("a failure has not exactly one alert, or an alert no failure")
    if rows(_UNMARKED):
        wrong.append("a failed delivery's event is not marked failed")
    if rows("SELECT FROM deliveries WHERE state = 'delivered' AND (lease_token IS NOT NULL OR sweep_at IS NOT NULL)"):
        wrong.append("a delivered row still has a lease or a wake-up")
    wrong += [f"the statistics say {tuple(row)}" for row in rows(STATISTICS_THAT_DIFFER)[:3]]
    wrong += [f"of an event is told {tuple(row)}" for row in rows(STATUSES_THAT_DIFFER)[:3]]
    return wrong


def _unrest(owed: DeliveryRow) -> str:
    """Say how a delivery rests that may not rest so."""
    if owed.numbers != list(range(1, owed.attempts + 1)):
        return f"with the attempts {owed.numbers} noted where {owed.attempts} were made"
    if owed.state == State.FAILED and owed.attempts < len(DELAYS) and owed.reason != "gone":
        return f"failed after {owed.attempts} attempts"
    if owed.state not in _resting_places(owed):
        return f"{owed.state} at {owed.path}"
    if owed.state == State.CANCELED and owed.reason not in {"webhook_disabled", "webhook_deleted"}:
        return f"canceled because of {owed.reason}"
    return ""


def _resting_places(owed: DeliveryRow) -> set[State]:
    """Say where it may: what hangs or is unwell is given up, unless it stops to; a closed one is canceled; all others
    get all.
    """
    if owed.path == "/hang":
        return {State.FAILED}
    if owed.path in {"/jammed", "/unwell"}:
        return {State.DELIVERED, State.FAILED}
    if owed.closed_at is not None:
        return {State.DELIVERED, State.FAILED, State.CANCELED}
    return {State.DELIVERED}


_ILLEGAL = "SELECT delivery_id, was, became FROM illegal_transitions LIMIT 3"
_ALERTS = """
    SELECT FROM deliveries LEFT JOIN alerts ON delivery_id = deliveries.id
    GROUP BY deliveries.id, state HAVING count(alerts.id) <> CASE WHEN state = 'failed' THEN 1 ELSE 0 END
"""
_UNMARKED = "SELECT FROM deliveries JOIN events ON events.id = event_id WHERE state = 'failed' AND failed_at IS NULL"
