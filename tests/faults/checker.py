"""The checker: holds the publisher's, the receiver's and the database's record against each other."""

from dataclasses import dataclass, field

from flux_webhooks import SignatureError, verify

from flux_dispatch.domain.delivery import OPEN, State
from flux_dispatch.domain.ids import Prefix, format_id
from tests.faults.ground import LEASE_SECONDS, Ground, published_at
from tests.faults.ledger import check_ledger
from tests.faults.record import Record, read_record
from tests.faults.schedule import check_schedule
from tests.receiver import Request
from tests.waiting import eventually

DRAIN_SECONDS = 75
_OF_KEYS = "SELECT id FROM events WHERE idempotency_key = ANY($1)"


@dataclass(frozen=True)
class Allowance:
    """What a fault may cost: deliveries accepted twice in all, and worker deaths that may overlap one delivery."""

    doubles: int = 0
    deaths: int = 0


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


def judge(ground: Ground, allowed: Allowance) -> Verdict:
    """Let everything drain, and judge."""
    over_at = ground.over_at or 0
    ground.publisher.stop()
    verdict = Verdict()
    try:
        eventually(ground.installation.is_drained, "everything is settled", DRAIN_SECONDS)
    except AssertionError as error:
        verdict.wrong.append(str(error))
    record = read_record(ground)
    verdict.recovery_seconds = _recovery_seconds(record, over_at)
    _check_publisher(ground, verdict)
    _check_losses(ground, record, verdict)
    _check_doubles(record, allowed, verdict)
    verdict.wrong += _invented(ground, record)
    verdict.wrong += check_schedule(record, over_at=over_at, calm_since=ground.calm_since)
    verdict.wrong += check_ledger(ground, record)
    return verdict


def _recovery_seconds(record: Record, over_at: float) -> float:
    """Return how long after the fault it took until all was done that was owed when it was over."""
    ends = [each.ended_at for each in record.owed.values() if each.ended_at and each.created_at <= over_at]
    return max(max(ends, default=over_at) - over_at, 0)


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


def _check_losses(ground: Ground, record: Record, verdict: Verdict) -> None:
    """Count what an acknowledged event is owed and did not get: a delivery, its end, or the 2xx that it claims."""
    verdict.delivered = len(record.accepted)
    found = {(each.event, each.webhook) for each in record.owed.values()}
    published = set(ground.publisher.acknowledged.values())
    missing = [
        (event, webhook)
        for event in published
        for webhook, since in ground.hooks.items()
        if published_at(event) > since and (event, webhook) not in found
    ]
    open_ = [each for each in record.owed.values() if each.event in published and each.state in OPEN]
    claimed = [
        each for each in record.owed.values() if each.state == State.DELIVERED and each.id not in record.accepted
    ]
    verdict.lost = len(missing) + len(open_) + len(claimed)
    if missing:
        verdict.wrong.append(f"{len(missing)} deliveries of acknowledged events were never made")
    if claimed:
        verdict.wrong.append(f"{len(claimed)} deliveries are called delivered, and no receiver accepted them")
    if open_:
        verdict.wrong.append(f"{len(open_)} deliveries of acknowledged events came to no end")


def _check_doubles(record: Record, allowed: Allowance, verdict: Verdict) -> None:
    extra = [len(requests) - 1 for requests in record.accepted.values()]
    verdict.doubled = sum(extra)
    if max(extra, default=0) > min(allowed.doubles, 1):
        verdict.wrong.append(f"one delivery was accepted {max(extra) + 1} times")
    if verdict.doubled > allowed.doubles:
        verdict.wrong.append(f"{verdict.doubled} doubles where at most {allowed.doubles} may be")
    for each in record.owed.values():
        posts = len(record.arrivals.get(each.id, []))
        if posts > each.attempts + allowed.deaths:
            verdict.wrong.append(f"{each.id} was POSTed {posts} times in {each.attempts} attempts")


def _invented(ground: Ground, record: Record) -> list[str]:
    """Every arrival verifies, and belongs to a published event and a webhook of its account that was enabled."""
    # what was left unclear may be stored or not; where it is stored, it may arrive
    unclear = ground.installation.rows(_OF_KEYS, list(ground.publisher.unclear))
    unclear_events = {format_id(Prefix.EVENT, row["id"].hex) for row in unclear}
    published = set(ground.publisher.acknowledged.values()) | unclear_events | ground.own_events
    wrong = []
    for request in [request for requests in record.arrivals.values() for request in requests]:
        owed = record.owed.get(request.delivery)
        if owed is None or owed.event != request.event or not owed.is_of_one_account:
            wrong.append(f"{request.delivery} of {request.event} came, and the database knows of none")
        elif request.event not in published:
            wrong.append(f"{request.event} came, and nobody published it")
        elif owed.closed_at is not None and request.at > owed.closed_at + LEASE_SECONDS:
            wrong.append(f"{request.delivery} came {request.at - owed.closed_at:.1f} s after its webhook was closed")
        wrong += _signature(request, ground.publisher.secrets)
    return wrong


def _signature(request: Request, secrets: list[str]) -> list[str]:
    try:
        verify(request.body, request.headers["flux-signature"], secrets, now=request.at)
    except SignatureError as error:
        return [f"{request.delivery} came with a signature that does not fit: {error.code}"]
    return []
