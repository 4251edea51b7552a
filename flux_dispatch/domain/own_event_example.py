"""An example of each event of the engine's own, made as these are: the reference shows it, and a test sends it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.alert import Alert
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, EventId, Prefix, WebhookId, example_id
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.own_event import Links, OwnEvent, of_failed_delivery, of_webhook_change
from flux_dispatch.domain.webhook_health import Health, HealthRecord, UnwellWebhook, Verdict, occurrence_of

_LINKS: Final = Links("https://flux.example.com")
_AT: Final = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
_ACCOUNT: Final = AccountId(example_id(Prefix.ACCOUNT))
_WEBHOOK: Final = WebhookId(example_id(Prefix.WEBHOOK))
_URL: Final = "https://example.com/hooks"
_STATUS: Final = 500
_ADVICE: Final = advise(ErrorClass.HTTP_STATUS, _STATUS)

_FAILED: Final = Alert(
    id=AlertId(example_id(Prefix.ALERT)),
    account=_ACCOUNT,
    webhook=_WEBHOOK,
    url=_URL,
    event=EventId(example_id(Prefix.EVENT)),
    event_type="order.completed",
    delivery=DeliveryId(example_id(Prefix.DELIVERY)),
    reason="attempts_exhausted",
    attempts=5,
    last_error=ErrorClass.HTTP_STATUS,
    last_status=_STATUS,
    advice=_ADVICE,
    created_at=_AT,
)
_UNWELL: Final = UnwellWebhook(
    webhook=_WEBHOOK,
    account=_ACCOUNT,
    url=_URL,
    disabled_reason=None,
    record=HealthRecord(Health.FAILING, _AT, is_enabled=True, attempts=42, has_delivered=False, last_attempt_at=_AT),
    looked_at=_AT,
    last_status=_STATUS,
    last_error=ErrorClass.HTTP_STATUS,
    advice=_ADVICE,
)


def _made() -> list[OwnEvent]:
    failed = of_failed_delivery(_FAILED, _LINKS)
    changes = [occurrence_of(_UNWELL, each) for each in (Verdict.TELL_FAILING, Verdict.DISABLE, Verdict.TELL_RECOVERED)]
    told = [of_webhook_change(each, _URL, _LINKS) for each in changes if each]
    return [failed, *told] if failed else told


EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {each.type: each.data for each in _made()}
"""The data of each, by its type."""
