"""An alert: what people are told when a delivery was given up, or when a webhook or the installation changes state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.event import OWN_EVENTS
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, EventId, WebhookId


@dataclass(frozen=True, slots=True)
class Alert:
    """Everything that a reader needs to know without looking anything up; `advice` is what to do about it."""

    id: AlertId
    account: AccountId
    webhook: WebhookId
    url: str
    event: EventId
    event_type: str
    delivery: DeliveryId
    reason: str
    attempts: int
    last_error: str | None
    last_status: int | None
    advice: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that channels are to be told of, so many times over.

    `subject` is whom it is about: the id of a webhook, or the name of a condition. `detail` is the last one of them,
    and `account` is None for what is about the whole installation. What `closes_only` closes the incidents that are
    open of it, and is told nobody else.
    """

    account: AccountId | None
    subject: str
    kind: AlertKind
    count: int
    first_at: datetime
    last_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
    closes_only: bool = False


def is_own_event(event_type: str) -> bool:
    """Say whether an event of this type tells of deliveries and webhooks themselves."""
    return event_type.startswith(OWN_EVENTS)


def occurrences(alerts: list[Alert]) -> list[Occurrence]:
    """Return what failed deliveries come to, webhook by webhook; of each the last one is told."""
    found: dict[WebhookId, list[Alert]] = {}
    for alert in alerts:
        found.setdefault(alert.webhook, []).append(alert)
    return [_failed(theirs) for theirs in found.values()]


def _failed(alerts: list[Alert]) -> Occurrence:
    last = max(alerts, key=lambda alert: (alert.created_at, alert.id))
    return Occurrence(
        account=last.account,
        subject=last.webhook,
        kind=AlertKind.DELIVERY_FAILED,
        count=len(alerts),
        first_at=min(alert.created_at for alert in alerts),
        last_at=last.created_at,
        detail={
            "delivery": last.delivery,
            "event_type": last.event_type,
            "attempts": last.attempts,
            "reason": last.reason,
            "advice": last.advice,
        },
    )
