"""The rows of a believable day: events, their deliveries, and attempts that go as attempts go."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final
from uuid import UUID

from flux_dispatch.domain.statistics import BUCKET, LATENCY_BOUNDS

DAY: Final = timedelta(hours=24)
RETRIES_AFTER: Final = (0, 60, 300, 1_800, 7_200)
"""In seconds, each after the attempt before: the delays of the published table."""

_BOOKS: Final = ("The Lighthouse Log", "Tides and Tables", "A Field Guide to Fog", "Knots for Beginners", "Salt")
_REFUSAL: Final = '{"error": "unauthorized", "message": "missing bearer token"}'
_REFUSAL_HEADERS: Final = {
    "Content-Type": "application/json",
    "WWW-Authenticate": 'Bearer realm="ledger"',
    "Server": "nginx",
    "X-Request-Id": "3f1c9a52",
}


@dataclass(slots=True)
class EventRow:
    """An event."""

    id: UUID
    type: str
    created_at: datetime
    data: Mapping[str, Any]
    failed_at: datetime | None = None


@dataclass(slots=True)
class DeliveryRow:
    """A delivery."""

    id: UUID
    event_id: UUID
    webhook_id: UUID
    state: str = "delivered"
    reason: str | None = None
    attempts: int = 0
    due_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class AttemptRow:
    """An attempt; `phases` are seconds of DNS, connect, TLS, wait and read."""

    delivery_id: UUID
    number: int
    duration_seconds: float
    ended_at: datetime
    status: int | None = 200
    error: str | None = None
    detail: str | None = "ok"
    phases: list[float | None] | None = None
    headers: Mapping[str, str] | None = None


@dataclass
class Story:
    """What happened up to `now`, of a random seed."""

    now: datetime
    rng: Random
    events: list[EventRow] = field(default_factory=list)
    deliveries: list[DeliveryRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    _past: list[dict[str, Any]] = field(default_factory=list)

    def event(self, name: str, at: datetime, data: Mapping[str, Any]) -> EventRow:
        """Have an event happen."""
        made = EventRow(self._id(at), name, at, data)
        self.events.append(made)
        return made

    def delivery(self, event: EventRow, webhook: UUID) -> DeliveryRow:
        """Have it owed to a webhook."""
        made = DeliveryRow(self._id(event.created_at), event.id, webhook)
        self.deliveries.append(made)
        return made

    def attempt(self, delivery: DeliveryRow, at: datetime, seconds: float, **how: Any) -> AttemptRow:
        """Have it attempted, from `at` on; it is delivered, unless told how it failed."""
        delivery.attempts += 1
        made = AttemptRow(delivery.id, delivery.attempts, seconds, at + timedelta(seconds=seconds), **how)
        self.attempts.append(made)
        delivery.ended_at = None if made.error else made.ended_at
        return made

    def give_up(self, delivery: DeliveryRow, *, status: int, detail: str, reason: str) -> None:
        """Have its last attempt end with this answer, and nothing tried again."""
        last = next(each for each in reversed(self.attempts) if each.delivery_id == delivery.id)
        last.status, last.error, last.detail = status, "http_status", detail
        delivery.state, delivery.reason, delivery.ended_at, delivery.due_at = "failed", reason, last.ended_at, None
        next(each for each in self.events if each.id == delivery.event_id).failed_at = last.ended_at

    def remember(self, **row: Any) -> None:
        """Have statistics of before the day of which there are attempts."""
        self._past.append(row)

    @staticmethod
    def is_day(ago: timedelta) -> bool:
        """Return whether the shop's customers were awake so long ago: its clock always says three in the afternoon."""
        return 7 <= (15 - ago / timedelta(hours=1)) % 24 < 22

    def statistics(self) -> list[dict[str, Any]]:
        """Return the rows of statistics, those of the day counted from its attempts."""
        webhooks = {each.id: each.webhook_id for each in self.deliveries}
        rows: dict[tuple[UUID, datetime], dict[str, Any]] = defaultdict(_nothing)
        for each in self.attempts:
            row = rows[webhooks[each.delivery_id], bucket_of(each.ended_at)]
            row["attempts"] += 1
            row["delivered"] += each.error is None
            row["latencies"][sum(each.duration_seconds >= bound for bound in LATENCY_BOUNDS)] += 1
        for gone in self.deliveries:
            if gone.state == "failed" and gone.ended_at:
                rows[gone.webhook_id, bucket_of(gone.ended_at)]["given_up"] += 1
        counted = [{"webhook_id": webhook, "bucket": bucket, **row} for (webhook, bucket), row in rows.items()]
        return self._past + counted

    def _id(self, at: datetime) -> UUID:
        value = int(at.timestamp() * 1000) << 80 | self.rng.getrandbits(80)
        return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def sold(rng: Random, name: str) -> dict[str, Any]:
    """Return what an event of this type tells."""
    order = f"HB-{rng.randrange(20_000, 60_000)}"
    if name.startswith("customer."):
        return {"customer": f"cus_{rng.randrange(10**6):06}", "country": rng.choice(["DE", "FR", "GB", "NL"])}
    if name.startswith("shipment."):
        return {"order": order, "carrier": rng.choice(["DHL", "DPD"]), "tracking": f"{rng.randrange(10**12):012}"}
    items = [{"title": rng.choice(_BOOKS), "quantity": rng.randrange(1, 3)} for _ in range(rng.randrange(1, 4))]
    return {"order": order, "total": f"{rng.randrange(900, 9_000) / 100:.2f}", "currency": "EUR", "items": items}


def working(story: Story, event: EventRow, webhook: UUID) -> None:
    """Deliver it, now and then at the second attempt."""
    delivery, rng, at = story.delivery(event, webhook), story.rng, event.created_at
    luck = rng.random()
    if luck < 0.012 and at < story.now - timedelta(minutes=2):
        story.attempt(
            delivery,
            at,
            15.0,
            status=None,
            error="timeout",
            detail="no answer within 15 seconds",
            phases=[0.004, 0.019, 0.034, 14.943, None],
        )
        at += timedelta(seconds=75)
    elif luck < 0.04 and at < story.now - timedelta(minutes=2):
        how = {"detail": "upstream is starting", "headers": {"Content-Type": "text/plain", "Retry-After": "30"}}
        story.attempt(
            delivery, at, 0.031, status=503, error="http_status", phases=[None, None, None, 0.03, 0.001], **how
        )
        at += timedelta(seconds=60)
    story.attempt(delivery, at, min(rng.lognormvariate(-2.3, 0.6), 9.0))


def failing(story: Story, event: EventRow, webhook: UUID, *, since: datetime) -> None:
    """Deliver it; from `since` on have it refused, as often as its retries have come by now."""
    delivery, at = story.delivery(event, webhook), event.created_at
    if at < since:
        story.attempt(delivery, at, story.rng.lognormvariate(-1.6, 0.5))
        return
    times = [at + timedelta(seconds=after) for after in accumulate(RETRIES_AFTER)]
    for moment in times:
        if moment >= story.now - timedelta(seconds=5):
            delivery.state, delivery.due_at = "scheduled", moment
            return
        wait = story.rng.lognormvariate(-3, 0.3)
        phases = [0.003, 0.017, 0.029, wait, 0.001]
        how = {"detail": _REFUSAL, "headers": _REFUSAL_HEADERS, "phases": phases}
        story.attempt(delivery, moment, 0.05 + wait, status=401, error="http_status", **how)
    story.give_up(delivery, status=401, detail=_REFUSAL, reason="attempts_exhausted")


def past_statistics(story: Story, webhook: UUID, per_hour: float) -> None:
    """Have the thirty days before, by the hour, with a bad afternoon."""
    for hour in range(25, 30 * 24):
        at = bucket_of(story.now) - timedelta(hours=hour)
        busy = 1 if story.is_day(timedelta(hours=hour)) else 0.3
        made = max(round(story.rng.gauss(per_hour, per_hour / 5) * busy), 0)
        failed = made // 3 if 190 <= hour < 197 else sum(story.rng.random() < 0.02 for _ in range(made))
        latencies = _nothing()["latencies"]
        for _ in range(made):
            latencies[min(max(round(story.rng.gauss(5.2, 0.9)), 1), 10)] += 1
        story.remember(
            webhook_id=webhook,
            bucket=at,
            attempts=made,
            delivered=made - failed,
            given_up=failed // 8,
            latencies=latencies,
        )


def bucket_of(at: datetime) -> datetime:
    """Return when its bucket of statistics began."""
    seconds = round(BUCKET.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _nothing() -> dict[str, Any]:
    return {"attempts": 0, "delivered": 0, "given_up": 0, "latencies": [0] * (len(LATENCY_BOUNDS) + 1)}
