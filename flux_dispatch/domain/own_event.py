"""Events of the engine's own: what became of deliveries and webhooks, for webhooks that ask for it by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flux_dispatch.domain.alert import Alert, Occurrence, is_own_event
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import AccountId, DeliveryId, WebhookId


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """An event that is to be published to webhooks of the account that ask for its type."""

    account: AccountId
    type: str
    data: Mapping[str, Any]


TYPES: Final = {
    AlertKind.DELIVERY_FAILED: "flux.delivery.failed",
    AlertKind.WEBHOOK_FAILING: "flux.webhook.failing",
    AlertKind.WEBHOOK_DISABLED: "flux.webhook.disabled",
    AlertKind.WEBHOOK_RECOVERED: "flux.webhook.recovered",
}
"""The type of the event that tells of each kind of alert."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where the dashboard shows things; `public_url` is where the server is reached, without a slash at its end."""

    public_url: str

    def of_delivery(self, account: AccountId, delivery: DeliveryId) -> str:
        """Return where a delivery is shown."""
        return f"{self.public_url}/dashboard/{account}/deliveries/{delivery}"

    def of_webhook(self, account: AccountId, webhook: WebhookId) -> str:
        """Return where a webhook is shown."""
        return f"{self.public_url}/dashboard/{account}/webhooks/{webhook}"

    @property
    def of_operations(self) -> str:
        """Where operators see the whole installation."""
        return f"{self.public_url}/dashboard/operations"


def of_failed_delivery(alert: Alert, links: Links) -> OwnEvent | None:
    """Return the event that tells of a failed delivery; None where that was of such an event itself."""
    if is_own_event(alert.event_type):
        return None
    data = {
        "delivery": alert.delivery,
        "event": alert.event,
        "event_type": alert.event_type,
        "webhook": alert.webhook,
        "url": alert.url,
        "attempts": alert.attempts,
        "reason": alert.reason,
        "last_status": alert.last_status,
        "last_error": alert.last_error,
        "advice": alert.advice,
        "link": links.of_delivery(alert.account, alert.delivery),
    }
    return OwnEvent(alert.account, TYPES[AlertKind.DELIVERY_FAILED], data)


def of_webhook_change(occurrence: Occurrence, url: str, links: Links) -> OwnEvent:
    """Return the event that tells of a webhook that fails, was disabled or recovered."""
    if occurrence.account is None:
        raise ValueError(occurrence.subject)
    data = {
        "webhook": occurrence.subject,
        "url": url,
        **occurrence.detail,
        "link": links.of_webhook(occurrence.account, WebhookId(occurrence.subject)),
    }
    return OwnEvent(occurrence.account, TYPES[occurrence.kind], data)
