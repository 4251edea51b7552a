"""What the API shows; what is there only sometimes has a default, and what a later server adds is in `raw`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional


class Model:
    """What every answer has."""

    @property
    def raw(self) -> dict[str, Any]:
        """The answer as it came, with the fields that this release does not know."""
        return dict(self.__dict__.get("_raw", {}))


@dataclass(frozen=True)
class Account(Model):
    """A customer of the platform; `external_id` is what the platform itself calls it."""

    id: str
    object: str
    name: str
    external_id: Optional[str]
    metadata: dict[str, str]
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class Webhook(Model):
    """A customer's endpoint; `secret` is there when it was just created, `headers` is None when they do not open.

    One that `is_listen` is a listen session's, and ends with it.
    """

    id: str
    object: str
    url: str
    events: list[str]
    description: str
    headers: Optional[dict[str, str]] = field(repr=False)
    metadata: dict[str, str]
    status: str
    disabled_reason: Optional[str]
    created: datetime
    updated: datetime
    is_listen: bool
    secret: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class OlderSecret(Model):
    """A secret that still signs beside the newest one, until it expires."""

    expires: datetime


@dataclass(frozen=True)
class WebhookSecret(Model):
    """The secret that signs first, and until when older ones sign beside it."""

    object: str
    webhook: str
    secret: str = field(repr=False)
    older: list[OlderSecret]


@dataclass(frozen=True)
class Counts(Model):
    """What the attempts of a span of time came to; the rate and the latencies are None where there were none."""

    attempts: int
    delivered: int
    failed_attempts: int
    final_failures: int
    success_rate: Optional[float]
    latency_p50_ms: Optional[float]
    latency_p95_ms: Optional[float]


@dataclass(frozen=True)
class Bucket(Counts):
    """The counts of one bucket of time."""

    start: datetime


@dataclass(frozen=True)
class WebhookStats(Model):
    """How a webhook's attempts went, in sum and bucket by bucket, the oldest first."""

    object: str
    webhook: str
    period: str
    bucket_seconds: int
    totals: Counts
    buckets: list[Bucket]


@dataclass(frozen=True)
class PublishedEvent(Model):
    """An event as its publisher sees it; `webhooks` is how many want it.

    `replayed` says that it was published before with this idempotency key; of a batch, that all of its events were.
    """

    id: str
    object: str
    type: str
    created: datetime
    data: dict[str, Any]
    status: str
    webhooks: int
    note: Optional[str] = None
    replayed: bool = False


@dataclass(frozen=True)
class DeliveryCounts(Model):
    """What has become of the deliveries of an event."""

    total: int
    pending: int
    delivered: int
    failed: int
    canceled: int


@dataclass(frozen=True)
class Event(Model):
    """An event; `body`, the text that is signed and sent, is there when one event was asked for."""

    id: str
    object: str
    type: str
    created: datetime
    data: dict[str, Any]
    status: str
    test: bool
    deliveries: DeliveryCounts
    note: Optional[str] = None
    body: Optional[str] = None


@dataclass(frozen=True)
class Phases(Model):
    """How many milliseconds went into each part of an attempt; None: it did not take place."""

    dns: Optional[float]
    connect: Optional[float]
    tls: Optional[float]
    wait: Optional[float]
    read: Optional[float]


@dataclass(frozen=True)
class AttemptResponse(Model):
    """What came back: some of the headers, and the beginning of the body."""

    headers: dict[str, str]
    excerpt: str


@dataclass(frozen=True)
class Attempt(Model):
    """One POST of a delivery, and how it ended; `advice` says what to do about a failed one."""

    number: int
    started_at: datetime
    ended_at: datetime
    duration_ms: float
    phases: Phases
    status: Optional[int]
    error: Optional[str]
    error_detail: Optional[str]
    advice: Optional[str]
    response: Optional[AttemptResponse]


@dataclass(frozen=True)
class Delivery(Model):
    """One event owed to one webhook; `attempts` are there when one delivery was asked for."""

    id: str
    object: str
    event: str
    event_type: str
    webhook: str
    url: str
    status: str
    test: bool
    reason: Optional[str]
    attempts_made: int
    next_attempt_at: Optional[datetime]
    created: datetime
    ended: Optional[datetime]
    attempts: Optional[list[Attempt]] = None


@dataclass(frozen=True)
class ResentDeliveries(Model):
    """The deliveries of an event that was sent again; of more than a hundred, a hundred, and `has_more`."""

    object: str
    data: list[Delivery]
    has_more: bool
    total: int


@dataclass(frozen=True)
class EventType(Model):
    """What an event type means, an example, and the schema that its data must meet."""

    id: str
    object: str
    name: str
    description: str
    group: Optional[str]
    example: Optional[dict[str, Any]]
    schema: Optional[dict[str, Any]]
    default: bool
    created: datetime
    updated: datetime
    archived_at: Optional[datetime]


@dataclass(frozen=True)
class Alert(Model):
    """Tells that a delivery was given up, and why; `acknowledged` is when somebody said that they saw it."""

    id: str
    object: str
    reason: str
    webhook: str
    url: str
    event: str
    event_type: str
    delivery: str
    last_status: Optional[int]
    last_error: Optional[str]
    created: datetime
    acknowledged: Optional[datetime]


@dataclass(frozen=True)
class AlertChannel(Model):
    """Where people are told of failures; `target` is what may be shown of its URL."""

    id: str
    object: str
    name: str
    service: str
    target: str
    kinds: list[str]
    status: str
    disabled_reason: Optional[str]
    last_sent: Optional[datetime]
    last_failed: Optional[datetime]
    last_error: Optional[str]
    failing_since: Optional[datetime]
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class AlertChannelTest(Model):
    """What came of a test: `status` is sent or failed, and `error` says why it failed."""

    object: str
    channel: str
    status: str
    error: Optional[str]


@dataclass(frozen=True)
class Missed(Model):
    """How many deliveries a webhook missed, by why."""

    failed: int
    canceled: int
    never_attempted: int
    total: int


@dataclass(frozen=True)
class Recovery(Model):
    """A recovery: how far it has come (`position`), and what it has recovered."""

    id: str
    object: str
    webhook: str
    since: datetime
    until: datetime
    status: str
    reason: Optional[str]
    position: datetime
    recovered: Missed
    created: datetime
    updated: datetime
    ended: Optional[datetime]


@dataclass(frozen=True)
class RecoveryCount(Model):
    """What a recovery would find: the answer to a dry run."""

    object: str
    webhook: str
    since: datetime
    until: datetime
    missed: Missed


@dataclass(frozen=True)
class ListenSession(Model):
    """A temporary public URL and its webhook; `secret` and `socket_url` are there when it was just made."""

    id: str
    object: str
    url: str
    events: list[str]
    forward_to: Optional[str]
    webhook: str
    status: str
    created: datetime
    last_seen: datetime
    ended: Optional[datetime]
    ended_reason: Optional[str]
    secret: Optional[str] = field(default=None, repr=False)
    socket_url: Optional[str] = None


@dataclass(frozen=True)
class ApiKey(Model):
    """An API key; `key` itself is there when it was just created, `account` is None for a platform key."""

    id: str
    object: str
    name: str
    account: Optional[str]
    scopes: list[str]
    prefix: str
    last4: str
    events_per_second: Optional[int]
    requests_per_second: Optional[int]
    created: datetime
    expires_at: Optional[datetime]
    last_used_at: Optional[datetime]
    key: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class AuditActor(Model):
    """Who did something: the key that was given, the session, and what to call them; None where that is not told."""

    kind: str
    name: Optional[str]
    api_key: Optional[str]
    session: Optional[str]


@dataclass(frozen=True)
class AuditTarget(Model):
    """What something was done to, and what it was called then; `id` is None for several."""

    kind: str
    id: Optional[str]
    name: Optional[str]


@dataclass(frozen=True)
class AuditEntry(Model):
    """One line of the audit log: `summary` is it as a sentence, `changes` has `before` and `after` of each field.

    `account` is None in the log of the platform.
    """

    id: str
    object: str
    created: datetime
    account: Optional[str]
    action: str
    summary: str
    actor: AuditActor
    target: Optional[AuditTarget]
    changes: dict[str, Any]
    request_id: Optional[str]
    address: Optional[str]
    user_agent: Optional[str]


@dataclass(frozen=True)
class PortalLink(Model):
    """A link that signs a customer in to their own settings, once; `url` is shown this once."""

    id: str
    object: str
    url: str = field(repr=False)
    expires_at: datetime
