"""An alert: what people are told when a delivery was given up."""

from dataclasses import dataclass

from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, EventId, WebhookId


@dataclass(frozen=True, slots=True)
class Alert:
    """Everything that a reader needs to know without looking anything up."""

    id: AlertId
    account: AccountId
    webhook: WebhookId
    url: str
    event: EventId
    event_type: str
    delivery: DeliveryId
    reason: str
    last_error: str | None
    last_status: int | None
