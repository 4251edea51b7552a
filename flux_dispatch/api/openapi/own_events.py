"""The events of the engine's own, as the OpenAPI document describes them: when each comes, and what its data says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flux_dispatch.api.fields import EVENT_TYPE, id_pattern
from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import Prefix
from flux_dispatch.domain.own_event import TYPES
from flux_dispatch.domain.own_event_example import EXAMPLES

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


def _said(description: str, **schema: object) -> dict[str, Any]:
    return {"type": "string", **schema, "description": description}


def _id(prefix: Prefix, description: str) -> dict[str, Any]:
    return _said(description, pattern=id_pattern(prefix))


def _since(description: str) -> dict[str, Any]:
    return _said(description, format="date-time")


def _data(kind: AlertKind, **properties: Mapping[str, Any]) -> dict[str, Any]:
    example = EXAMPLES[TYPES[kind]]
    described = {name: {**each, "examples": [example[name]]} for name, each in properties.items()}
    return {"type": "object", "description": "What happened.", "required": [*described], "properties": described}


_LINK: Final = _said("Where the dashboard shows it.", format="uri")
_WEBHOOK: Final = {
    "webhook": _id(Prefix.WEBHOOK, "The webhook."),
    "url": _said("Where that is.", format="uri"),
}
_LAST: Final = {
    "last_status": _said("What the last attempt was answered; null when no answer came.", type=["integer", "null"]),
    "last_error": {
        "anyOf": [{"$ref": "#/components/schemas/ErrorClass"}, {"type": "null"}],
        "description": "Why the last attempt failed.",
    },
    "advice": _said("What to do about it.", type=["string", "null"]),
}
_ATTEMPTS: Final = {
    "attempts": _said("How many attempts were made since then.", type="integer", minimum=0),
    **_LAST,
}

_DESCRIBED: Final = {
    AlertKind.DELIVERY_FAILED: DescribedOwnEvent(
        "A delivery failed",
        "Comes when a delivery was given up: its last attempt failed, or its endpoint answered 410.",
        _data(
            AlertKind.DELIVERY_FAILED,
            delivery=_id(Prefix.DELIVERY, "The delivery."),
            event=_id(Prefix.EVENT, "The event."),
            event_type=_said("The type of that event.", **EVENT_TYPE),
            **_WEBHOOK,
            attempts=_said("How many attempts were made.", type="integer", minimum=0),
            reason=_said("Why it was given up.", enum=["attempts_exhausted", "gone"]),
            **_LAST,
            link=_LINK,
        ),
    ),
    AlertKind.WEBHOOK_FAILING: DescribedOwnEvent(
        "A webhook fails",
        "Comes when every attempt to a webhook has failed for a while; the webhook is still tried.",
        _data(
            AlertKind.WEBHOOK_FAILING,
            **_WEBHOOK,
            since=_since("Since when every attempt has failed."),
            **_ATTEMPTS,
            link=_LINK,
        ),
    ),
    AlertKind.WEBHOOK_DISABLED: DescribedOwnEvent(
        "A webhook was disabled",
        "Comes when a webhook was disabled because it answered 410, or because every attempt has failed for days.",
        _data(
            AlertKind.WEBHOOK_DISABLED,
            **_WEBHOOK,
            since=_since("Since when every attempt has failed, or when the 410 came."),
            reason=_said(
                "Why: `failing`, or `gone` after a 410; null if somebody has enabled it since.",
                type=["string", "null"],
            ),
            **_ATTEMPTS,
            link=_LINK,
        ),
    ),
    AlertKind.WEBHOOK_RECOVERED: DescribedOwnEvent(
        "A webhook recovered",
        "Comes when a webhook delivers again that was told of as failing or disabled.",
        _data(
            AlertKind.WEBHOOK_RECOVERED,
            **_WEBHOOK,
            since=_since("Since when every attempt had failed, or when the 410 came."),
            link=_LINK,
        ),
    ),
}

OWN: Final[Mapping[str, DescribedOwnEvent]] = {TYPES[kind]: each for kind, each in _DESCRIBED.items()}
"""Each by its type."""
