"""The checker: holds the publisher's, the receiver's and the database's history against each other."""

from dataclasses import dataclass, field

from flux_webhooks import SignatureError, verify

from flux_dispatch.domain.delivery import OPEN, State
from flux_dispatch.domain.ids import Prefix, format_id
from tests.faults.history import History, read_record
from tests.faults.row_checks import check_rows
from tests.faults.schedule import check_schedule
from tests.faults.testbed import LEASE_SECONDS, Testbed, published_at
from tests.faults.told import read_tellings
from tests.support.receiver import Request
from tests.support.waiting import eventually

DRAIN_SECONDS = 75
_OWN_EVENTS = "SELECT id FROM events WHERE type LIKE 'flux.%'"
_OF_KEYS = "SELECT id FROM events WHERE idempotency_key = ANY($1)"


@dataclass(frozen=True)
class Tolerance:
    """What a fault may cost: deliveries accepted twice in all, and worker deaths that may overlap one delivery."""

    duplicates: int = 0
    deaths: int = 0
    repeated: int = 0
    """How many messages may come to channels twice."""


@dataclass
class Verdict:
    """What a fault did, in numbers; `wrong` lists every broken invariant in words."""

    acknowledged: int = 0
    delivered: int = 0
    told: int = 0
    lost: int = 0
    duplicate: int = 0
    unclear: int = 0
    recovery_seconds: float = 0
    wrong: list[str] = field(default_factory=list)


def judge(testbed: Testbed, allowed: Tolerance) -> Verdict:
    """Let everything drain, and judge."""
    over_at = testbed.over_at or 0
    testbed.publisher.stop()
    verdict = Verdict()
    try:
        eventually(testbed.is_over, "everything is settled and told", DRAIN_SECONDS)
    except AssertionError as error:
        verdict.wrong.append(str(error))
    history = read_record(testbed)
    verdict.recovery_seconds = _recovery_seconds(history, over_at)
    _check_publisher(testbed, verdict)
    _check_losses(testbed, history, verdict)
    _check_doubles(history, allowed, verdict)
    _check_tellings(testbed, allowed, verdict)
    verdict.wrong += _invented(testbed, history)
    verdict.wrong += check_schedule(history, over_at=over_at, calm_since=testbed.calm_since)
    verdict.wrong += check_rows(testbed, history)
    return verdict


def _recovery_seconds(history: History, over_at: float) -> float:
    """Return how long after the fault it took until all was done that was owed when it was over."""
    ends = [each.ended_at for each in history.owed.values() if each.ended_at and each.created_at <= over_at]
    return max(max(ends, default=over_at) - over_at, 0)


def _check_publisher(testbed: Testbed, verdict: Verdict) -> None:
    acknowledged = testbed.publisher.acknowledged
    verdict.acknowledged = len(acknowledged)
    verdict.unclear = len(testbed.publisher.unclear)
    # a fault's own events have no key
    keys = "SELECT idempotency_key FROM events WHERE idempotency_key IS NOT NULL"
    stored = {row["idempotency_key"] for row in testbed.installation.rows(keys)}
    if stored - set(acknowledged) - testbed.publisher.unclear:
        verdict.wrong.append("the database holds events that nobody published")
    if set(acknowledged) - stored:
        verdict.wrong.append("events were acknowledged that are not stored")
    if len(set(acknowledged.values())) < len(acknowledged):
        verdict.wrong.append("two idempotency keys were given the same event")


def _check_losses(testbed: Testbed, history: History, verdict: Verdict) -> None:
    """Count what an acknowledged event is owed and did not get: a delivery, its end, or the 2xx that it claims."""
    verdict.delivered = len(history.accepted)
    found = {(each.event, each.webhook) for each in history.owed.values()}
    published = set(testbed.publisher.acknowledged.values())
    missing = [
        (event, webhook)
        for event in published
        for webhook, since in testbed.hooks.items()
        if published_at(event) > since and (event, webhook) not in found
    ]
    open_ = [each for each in history.owed.values() if each.event in published and each.state in OPEN]
    claimed = [
        each for each in history.owed.values() if each.state == State.DELIVERED and each.id not in history.accepted
    ]
    verdict.lost = len(missing) + len(open_) + len(claimed)
    if missing:
        verdict.wrong.append(f"{len(missing)} deliveries of acknowledged events were never made")
    if claimed:
        verdict.wrong.append(f"{len(claimed)} deliveries are called delivered, and no receiver accepted them")
    if open_:
        verdict.wrong.append(f"{len(open_)} deliveries of acknowledged events came to no end")


def _check_doubles(history: History, allowed: Tolerance, verdict: Verdict) -> None:
    extra = [len(requests) - 1 for requests in history.accepted.values()]
    verdict.duplicate = sum(extra)
    if max(extra, default=0) > min(allowed.duplicates, 1):
        verdict.wrong.append(f"one delivery was accepted {max(extra) + 1} times")
    if verdict.duplicate > allowed.duplicates:
        verdict.wrong.append(f"{verdict.duplicate} duplicates where at most {allowed.duplicates} may be")
    for each in history.owed.values():
        posts = len(history.arrivals.get(each.id, []))
        if posts > each.attempts + allowed.deaths:
            verdict.wrong.append(f"{each.id} was POSTed {posts} times in {each.attempts} attempts")


def _check_tellings(testbed: Testbed, allowed: Tolerance, verdict: Verdict) -> None:
    tellings = read_tellings(testbed)
    repeated = sum(each.repeated for each in tellings)
    verdict.told = sum(each.told for each in tellings)
    verdict.lost += sum(each.lost for each in tellings)
    verdict.duplicate += repeated
    if repeated > allowed.repeated:
        verdict.wrong.append(f"{repeated} messages came twice where at most {allowed.repeated} may")
    for each in tellings:
        verdict.wrong += each.wrong


def _invented(testbed: Testbed, history: History) -> list[str]:
    """Every arrival verifies, and belongs to a published event and a webhook of its account that was enabled."""
    # what was left unclear may be stored or not; where it is stored, it may arrive
    unclear = testbed.installation.rows(_OF_KEYS, list(testbed.publisher.unclear))
    unclear_events = {format_id(Prefix.EVENT, row["id"].hex) for row in unclear}
    own_events = {format_id(Prefix.EVENT, row["id"].hex) for row in testbed.installation.rows(_OWN_EVENTS)}
    published = set(testbed.publisher.acknowledged.values()) | unclear_events | testbed.own_events | own_events
    wrong = []
    for request in [request for requests in history.arrivals.values() for request in requests]:
        owed = history.owed.get(request.delivery)
        if owed is None or owed.event != request.event or not owed.is_of_one_account:
            wrong.append(f"{request.delivery} of {request.event} came, and the database knows of none")
        elif request.event not in published:
            wrong.append(f"{request.event} came, and nobody published it")
        elif owed.closed_at is not None and request.at > owed.closed_at + LEASE_SECONDS:
            wrong.append(f"{request.delivery} came {request.at - owed.closed_at:.1f} s after its webhook was closed")
        wrong += _signature(request, testbed.publisher.secrets)
    return wrong


def _signature(request: Request, secrets: list[str]) -> list[str]:
    try:
        verify(request.body, request.headers["flux-signature"], secrets, now=request.at)
    except SignatureError as error:
        return [f"{request.delivery} came with a signature that does not fit: {error.code}"]
    return []
