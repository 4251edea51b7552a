"""The checker: holds the publisher's, the receiver's and the database's record against each other."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from flux_dispatch.domain.errors import SignatureError
from flux_dispatch.domain.signing import verify
from tests.faults.ground import SETTINGS, Ground
from tests.receiver import Request
from tests.waiting import eventually

DRAIN_SECONDS = 75
DELAYS = [float(each) for each in SETTINGS["FLUX_RETRY_DELAYS"].split(",")]


@dataclass
class Verdict:
    """What a fault did, in numbers; `wrong` lists every broken invariant in words."""

    acknowledged: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    unclear: int = 0
    recovery_seconds: float = 0
    wrong: list[str] = field(default_factory=list)


def judge(ground: Ground, *, most_doubles: int = 0) -> Verdict:
    """Let everything drain, and judge."""
    ended = time.monotonic()
    ground.publisher.stop()
    verdict = Verdict()
    try:
        eventually(ground.installation.is_drained, "everything is settled", DRAIN_SECONDS)
    except AssertionError as error:
        verdict.wrong.append(str(error))
    verdict.recovery_seconds = round(time.monotonic() - ended, 1)
    _check_publisher(ground, verdict)
    _check_receiver(ground, verdict, most_doubles)
    _check_database(ground, verdict)
    return verdict


def _check_publisher(ground: Ground, verdict: Verdict) -> None:
    acknowledged = ground.publisher.acknowledged
    verdict.acknowledged = len(acknowledged)
    verdict.unclear = len(ground.publisher.unclear)
    # a fault's own events have no key
    keys = "SELECT idempotency_key FROM events WHERE idempotency_key IS NOT NULL"
    stored = {row["idempotency_key"] for row in ground.installation.rows(keys)}
    if stored - set(acknowledged) - ground.publisher.unclear:
        verdict.wrong.append("the database holds events that nobody published")
    if set(acknowledged) - stored:
        verdict.wrong.append("events were acknowledged that are not stored")
    if len(set(acknowledged.values())) < len(acknowledged):
        verdict.wrong.append("two idempotency keys were given the same event")


def _check_receiver(ground: Ground, verdict: Verdict, most_doubles: int) -> None:
    accepted: dict[str, list[Request]] = defaultdict(list)
    attempts: dict[str, list[Request]] = defaultdict(list)
    statuses = {id(request): status for request, status in ground.receiver.answered}
    for request in list(ground.receiver.requests):
        attempts[request.delivery].append(request)
        if statuses.get(id(request)) == 200:
            accepted[request.delivery].append(request)
        _check_signature(request, ground.publisher.secrets, verdict)
    verdict.delivered = len(accepted)
    events = {request.event for requests in accepted.values() for request in requests}
    verdict.lost = len(set(ground.publisher.acknowledged.values()) - events)
    verdict.doubled = sum(len(requests) - 1 for requests in accepted.values())
    worst = max((len(requests) - 1 for requests in accepted.values()), default=0)
    if worst > min(most_doubles, 1):
        verdict.wrong.append(f"one delivery was accepted {worst + 1} times")
    if verdict.lost:
        verdict.wrong.append(f"{verdict.lost} acknowledged events never arrived")
    if verdict.doubled > most_doubles:
        verdict.wrong.append(f"{verdict.doubled} doubles where at most {most_doubles} may be")
    for requests in attempts.values():
        _check_schedule(requests, statuses, verdict)


def _check_signature(request: Request, secrets: list[str], verdict: Verdict) -> None:
    try:
        verify(request.body, request.headers["flux-signature"], secrets, now=request.at)
    except SignatureError as error:
        verdict.wrong.append(f"{request.delivery} came with a signature that does not fit: {error.code}")


def _check_schedule(requests: list[Request], statuses: dict[int, int], verdict: Verdict) -> None:
    """No attempt comes before the one before it was answered and its delay has passed."""
    for before, after in pairwise(requests):
        if after.attempt == before.attempt:
            continue  # the worker died: the same attempt again
        gap = after.at - before.at
        if gap < DELAYS[after.attempt - 1]:
            verdict.wrong.append(f"attempt {after.attempt} of {after.delivery} came {gap:.3f} s after the one before")
        if statuses.get(id(before)) == 200:
            verdict.wrong.append(f"attempt {after.attempt} of {after.delivery} came after a success")


def _check_database(ground: Ground, verdict: Verdict) -> None:
    rows = ground.installation.rows
    # an endpoint that never answers is given up, with an alert; everybody else's deliveries arrive
    resting = rows(
        "SELECT state, count(*) FROM deliveries JOIN webhooks ON webhooks.id = webhook_id "
        "WHERE state <> CASE WHEN url LIKE '%/hang' THEN 'failed' ELSE 'delivered' END GROUP BY state"
    )
    verdict.wrong += [f"{row['count']} deliveries rest in {row['state']}" for row in resting]
    alerts = "SELECT FROM deliveries FULL JOIN alerts ON delivery_id = deliveries.id"
    if rows(f"{alerts} WHERE (state = 'failed') <> (alerts.id IS NOT NULL) LIMIT 1"):
        verdict.wrong.append("a failure has no alert, or an alert no failure")
    if rows("SELECT FROM deliveries WHERE state = 'delivered' AND (token IS NOT NULL OR wake_at IS NOT NULL)"):
        verdict.wrong.append("a delivered row still has a lease or a wake-up")
    gaps = rows("SELECT FROM attempts GROUP BY delivery_id HAVING max(number) <> count(*)")
    if gaps:
        verdict.wrong.append(f"{len(gaps)} deliveries have gaps in their attempts")
