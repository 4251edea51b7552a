"""The events of the engine's own, as the OpenAPI document describes them: when each comes, and what its data says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flux_dispatch.api.fields import EVENT_TYPE, EXAMPLE_TIME, example_id, id_pattern
from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.own_event import TYPES, Links

WHO_GETS_THEM: Final = (
    "It goes to webhooks that ask for it by name or by `flux.*`, which `*` does not mean, and is signed and retried "
    "like any event. A delivery of it that fails makes an alert, and no further event."
)


@dataclass(frozen=True, slots=True)
class DescribedOwnEvent:
    """An event of the engine's own; `data` is the schema of its data, all of which is always there."""

    summary: str
    description: str
    data: Mapping[str, Any]


def _said(description: str, example: object, **schema: object) -> dict[str, Any]:
    return {"type": "string", **schema, "description": description, "examples": [example]}


def _id(prefix: Prefix, description: str) -> dict[str, Any]:
    return _said(description, example_id(prefix), pattern=id_pattern(prefix))


def _since(description: str) -> dict[str, Any]:
    return _said(description, EXAMPLE_TIME, format="date-time")


def _link(url: str) -> dict[str, Any]:
    return _said("Where the dashboard shows it.", url, format="uri")


def _data(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": "What happened.", "required": [*properties], "properties": properties}


_LINKS: Final = Links("https://flux.example.com")
_ACCOUNT: Final = AccountId(example_id(Prefix.ACCOUNT))
_LINK_OF_DELIVERY: Final = _link(_LINKS.of_delivery(_ACCOUNT, DeliveryId(example_id(Prefix.DELIVERY))))
_LINK_OF_WEBHOOK: Final = _link(_LINKS.of_webhook(_ACCOUNT, WebhookId(example_id(Prefix.WEBHOOK))))

_WEBHOOK: Final = {
    "webhook": _id(Prefix.WEBHOOK, "The webhook."),
    "url": _said("Where that is.", "https://example.com/hooks", format="uri"),
}
_LAST: Final = {
    "last_status": _said(
        "What the last attempt was answered; null when no answer came.", 500, type=["integer", "null"]
    ),
    "last_error": {
        "anyOf": [{"$ref": "#/components/schemas/ErrorClass"}, {"type": "null"}],
        "description": "Why the last attempt failed.",
        "examples": ["http_status"],
    },
    "advice": _said("What to do about it.", advise(ErrorClass.HTTP_STATUS, 500), type=["string", "null"]),
}
_ATTEMPTS: Final = {
    "attempts": _said("How many attempts were made since then.", 42, type="integer", minimum=0),
    **_LAST,
}

_DESCRIBED: Final = {
    AlertKind.DELIVERY_FAILED: DescribedOwnEvent(
        "A delivery failed",
        "Comes when a delivery was given up: its last attempt failed, or its endpoint answered 410.",
        _data(
            delivery=_id(Prefix.DELIVERY, "The delivery."),
            event=_id(Prefix.EVENT, "The event."),
            event_type=_said("The type of that event.", "order.completed", **EVENT_TYPE),
            **_WEBHOOK,
            attempts=_said("How many attempts were made.", 5, type="integer", minimum=0),
            reason=_said("Why it was given up.", "attempts_exhausted", enum=["attempts_exhausted", "gone"]),
            **_LAST,
            link=_LINK_OF_DELIVERY,
        ),
    ),
    AlertKind.WEBHOOK_FAILING: DescribedOwnEvent(
        "A webhook fails",
        "Comes when every attempt to a webhook has failed for a while; the webhook is still tried.",
        _data(
            **_WEBHOOK,
            since=_since("Since when every attempt has failed."),
            **_ATTEMPTS,
            link=_LINK_OF_WEBHOOK,
        ),
    ),
    AlertKind.WEBHOOK_DISABLED: DescribedOwnEvent(
        "A webhook was disabled",
        "Comes when a webhook was disabled because it answered 410, or because every attempt has failed for days.",
        _data(
            **_WEBHOOK,
            since=_since("Since when every attempt has failed, or when the 410 came."),
            reason=_said(
                "Why: `failing`, or `gone` after a 410; null if somebody has enabled it since.",
                "failing",
                type=["string", "null"],
            ),
            **_ATTEMPTS,
            link=_LINK_OF_WEBHOOK,
        ),
    ),
    AlertKind.WEBHOOK_RECOVERED: DescribedOwnEvent(
        "A webhook recovered",
        "Comes when a webhook that was told to fail delivers again.",
        _data(**_WEBHOOK, since=_since("Since when every attempt had failed."), link=_LINK_OF_WEBHOOK),
    ),
}

OWN: Final[Mapping[str, DescribedOwnEvent]] = {TYPES[kind]: each for kind, each in _DESCRIBED.items()}
"""Each by its type."""
