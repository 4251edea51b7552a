"""The statement that writes the ends of attempts, and what follows them, where the lease of each still holds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, assert_never

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.delivery import State, Transition, target
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.domain.outcome import to_record
from flux_dispatch.domain.phases import NO_PHASES, Phases
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter
from flux_dispatch.domain.timing import Timing
from flux_dispatch.store.connect import DriverStatement
from flux_dispatch.store.statistics import TALLY_ATTEMPTS

# The ids stand beside the join, and the state inside coalesce, for the sake of PostgreSQL's planner. Its statistics say
# that hardly any row is being sent (or was, when they were made): it would read all rows to find those few first, and
# compare each of them with each result. So it goes by the ids, and does not know how rare the state is. An attempt is
# noted with what moved its delivery, which nothing else does under this number: so there is no conflict to provide for,
# which would cost more than all else that is noted.
_SETTLE_THESE = f"""
    WITH result AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:lease_tokens AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
            CAST(:delays AS interval[]), CAST(:sweeps AS interval[]), CAST(:numbers AS smallint[]),
            CAST(:durations AS real[]), CAST(:statuses AS smallint[]), CAST(:errors AS text[]),
            CAST(:details AS text[]), CAST(:phases AS text[]), CAST(:response_headers AS jsonb[])
        ) AS r (
            id, lease_token, state, reason, delay, sweep, number, duration_seconds, status, error, detail,
            phases, response_headers
        )
    ), moved AS (
        UPDATE deliveries
        SET state = result.state, reason = result.reason, attempts = result.number, rescues = 0,
            lease_token = NULL, leased_until = NULL,
            due_at = flux_now() + result.delay,
            sweep_at = flux_second(flux_now() + result.sweep),
            ended_at = CASE WHEN result.state = :delivered THEN flux_now() END
        FROM result
        WHERE deliveries.id = ANY(:these:)
          AND deliveries.id = result.id AND deliveries.lease_token = result.lease_token
          AND coalesce(deliveries.state = ANY(CAST(:from AS text[])), false)
        RETURNING deliveries.id, deliveries.webhook_id, deliveries.is_test, result.state, number, duration_seconds,
                  status, error, detail, phases, response_headers
    ), tallied AS (
        {TALLY_ATTEMPTS}
    ), noted AS (
        INSERT INTO attempts (
            delivery_id, number, duration_seconds, ended_at, status, error, detail, phases, response_headers
        )
        SELECT id, number, duration_seconds, flux_now(), status, error, detail, CAST(phases AS real[]), response_headers
        FROM moved
    )
    SELECT id FROM moved
"""  # noqa: S608 - only a statement of our own is written into it
SETTLE: Final = DriverStatement(_SETTLE_THESE.replace(":these:", "CAST(:ids AS uuid[])"))
# The same for those rows only that nobody else has locked: it waits for none.
SETTLE_UNLOCKED: Final = DriverStatement(
    _SETTLE_THESE.replace(
        ":these:",
        "ARRAY(SELECT id FROM deliveries WHERE id = ANY(CAST(:ids AS uuid[])) FOR NO KEY UPDATE SKIP LOCKED)",
    )
)
STILL_LEASED: Final = DriverStatement("""
    SELECT id FROM deliveries WHERE id = ANY(CAST(:ids AS uuid[])) AND lease_token = ANY(CAST(:lease_tokens AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class _Next:
    """What a settlement writes: when the next attempt is due, and when the sweeper must come, counted from now."""

    state: State
    reason: str | None = None
    delay: timedelta | None = None
    sweep: timedelta | None = None


_DELIVERED: Final = _Next(target(Transition.SUCCEED))
_SCHEDULED: Final = target(Transition.RETRY)
_EXHAUSTED: Final = target(Transition.EXHAUST)


def settle_parameters(settlements: Sequence[Settlement], timing: Timing) -> dict[str, Any]:
    """Return what these statements take."""
    follows = [_what_follows(each.decision, timing) for each in settlements]
    records = [to_record(each.attempt.outcome) for each in settlements]
    return {
        "ids": [parse_id(Prefix.DELIVERY, each.delivery) for each in settlements],
        "lease_tokens": [each.lease_token for each in settlements],
        "states": [each.state for each in follows],
        "reasons": [each.reason for each in follows],
        "delays": [each.delay for each in follows],
        "sweeps": [each.sweep for each in follows],
        "numbers": [each.attempt.number for each in settlements],
        "durations": [each.attempt.duration_seconds for each in settlements],
        "statuses": [record.status for record in records],
        "errors": [record.error for record in records],
        "details": [record.detail or None for record in records],
        "phases": [_as_array(record.phases) for record in records],
        "response_headers": [json.dumps(record.headers) if record.headers else None for record in records],
        "from": [State.SENDING],
        "delivered": State.DELIVERED,
    }


def _what_follows(decision: Decision, timing: Timing) -> _Next:
    match decision:
        case Done():
            return _DELIVERED
        case RetryAfter(delay):
            return _Next(_SCHEDULED, delay=delay, sweep=timing.sweep_after(delay))
        case GiveUp(reason):
            return _Next(_EXHAUSTED, reason=reason, sweep=timing.enqueue_grace)
        case _:
            assert_never(decision)


def _as_array(phases: Phases) -> str | None:
    """Return the text of a PostgreSQL array; None where nothing was measured that is worth a note."""
    if phases is NO_PHASES:
        return None
    seconds = ",".join("NULL" if each is None else f"{each:.6g}" for each in phases)
    return f"{{{seconds}}}"
