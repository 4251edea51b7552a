"""The schedule, checked: no attempt comes early, each comes by the time that the design allows."""

from collections.abc import Iterator
from itertools import pairwise

from flux_dispatch.engine.sweep import MAX_SLEEP_SECONDS
from tests.faults.history import DELAYS, DeliveryRow, History
from tests.faults.testbed import GRACE_SECONDS, LEASE_SECONDS
from tests.support.receiver import Request

AFTER_A_FAULT_SECONDS = LEASE_SECONDS + MAX_SLEEP_SECONDS + GRACE_SECONDS
"""What may pass from the due time or, if that is later, the end of the fault: a dead worker's lease runs out, the
sweeper looks again, and the message is lost once more."""

PUNCTUAL_SECONDS = 1.0
PUNCTUAL_SHARE = 0.1
"""How late an attempt may be where nothing is wrong: a tenth of its delay, and a second."""
STRAGGLERS = 0.05
"""That much of the attempts may be later, up to what is allowed after a fault: the machine is busy with other things,
too. A system that is late is late with more than these."""

MAY_BE_LATE = {"/hang", "/jammed"}
"""Their bulkheads are full for as long as they hang: what waits for a place is late by design."""

BEHIND_ITS_OWN = {"/many"}
"""What was rescued stands behind the thousands that its own account has waiting: it may be late for as long as these
keep coming."""
MAX_GAP_SECONDS = 2.0


def check_schedule(history: History, *, over_at: float, calm_since: float | None) -> list[str]:
    """Return what came too early, too late, or after a success; instants are wall-clock seconds.

    Args:
        history: what arrived and what was owed.
        over_at: when the fault was over.
        calm_since: when it was seen that all is well, if there is no fault.
    """
    wrong = list(_in_order(history))
    latenesses = list(_latenesses(history))
    pauses = _pauses(history)
    for owed, request, due_at in latenesses:
        if request.at < due_at:
            wrong.append(f"attempt {request.attempt} of {owed.id} came {due_at - request.at:.3f} s early")
        late = request.at - max(due_at, over_at)
        if (
            late > AFTER_A_FAULT_SECONDS
            and owed.path not in MAY_BE_LATE
            and not _is_behind_its_own(owed, request, pauses)
        ):
            wrong.append(f"attempt {request.attempt} of {owed.id} ({owed.path}) came {late:.1f} s after it could come")
    if calm_since is not None:
        wrong += _in_calm([(request, due_at) for _, request, due_at in latenesses if due_at > calm_since])
    return wrong


def _pauses(history: History) -> list[tuple[float, float]]:
    """Return when nothing came for long at an endpoint of an account with thousands waiting."""
    times = sorted(each.at for theirs in history.arrivals.values() for each in theirs if each.path in BEHIND_ITS_OWN)
    return [(before, after) for before, after in pairwise(times) if after - before > MAX_GAP_SECONDS]


def _is_behind_its_own(owed: DeliveryRow, request: Request, pauses: list[tuple[float, float]]) -> bool:
    """Say whether others of its account came all the time while it waited, so that it was their turn."""
    since = request.at - AFTER_A_FAULT_SECONDS
    return owed.path in BEHIND_ITS_OWN and not any(before < request.at and after > since for before, after in pauses)


def _in_order(history: History) -> Iterator[str]:
    """By the receiver's own clock: an attempt follows a failed one, after its delay."""
    accepted = {id(request) for requests in history.accepted.values() for request in requests}
    for requests in history.arrivals.values():
        for before, after in pairwise(requests):
            if after.attempt == before.attempt:
                continue  # the worker died: the same attempt again
            gap = after.at - before.at
            if gap < DELAYS[after.attempt - 1]:
                yield f"attempt {after.attempt} of {after.delivery} came {gap:.3f} s after the one before"
            if id(before) in accepted:
                yield f"attempt {after.attempt} of {after.delivery} came after a success"


def _latenesses(history: History) -> Iterator[tuple[DeliveryRow, Request, float]]:
    """By the database's clock, each arrival with the time at which its attempt was due."""
    for owed in history.owed.values():
        for request in history.arrivals.get(owed.id, []):
            due_at = owed.due_at(request.attempt)
            if due_at is not None:
                yield owed, request, due_at


def _in_calm(attempts: list[tuple[Request, float]]) -> Iterator[str]:
    if not attempts:
        yield "nothing arrived while all was well"
        return
    late = [
        request.at - due_at
        for request, due_at in attempts
        if request.at - due_at > PUNCTUAL_SECONDS + PUNCTUAL_SHARE * DELAYS[request.attempt - 1]
    ]
    if len(late) > STRAGGLERS * len(attempts):
        yield f"{len(late)} of {len(attempts)} attempts were late without a fault, by up to {max(late):.1f} s"
