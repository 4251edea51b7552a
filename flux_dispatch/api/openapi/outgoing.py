"""What receivers get, as the OpenAPI document describes it: the POST of an event, its headers, and what to answer."""

from collections.abc import Mapping
from typing import Any, Final

from flux_dispatch import __version__
from flux_dispatch.api.fields import EVENT_TYPE, EXAMPLE_TIME, id_pattern
from flux_dispatch.api.openapi.examples import example_of
from flux_dispatch.api.openapi.own_events import OWN, WHO_GETS_THEM, DescribedOwnEvent
from flux_dispatch.domain.ids import Prefix, example_id

_SECONDS: Final = 1768473000
"""EXAMPLE_TIME in Unix seconds."""


def _header(name: str, description: str, example: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


_HEADERS: Final = [
    _header(
        "flux-signature",
        "When it was signed (Unix seconds), then HMAC-SHA256 of `<t>.<body>` in hex for each secret that signs, the "
        "newest first.",
        f"t={_SECONDS},v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
        r"^t=\d+(,v1=[0-9a-f]{64})+$",
    ),
    _header("webhook-id", "The id of the event: drop what you have seen.", example_id(Prefix.EVENT), "^evt_"),
    _header("webhook-timestamp", "When it was signed, in Unix seconds.", str(_SECONDS), r"^\d+$"),
    _header(
        "webhook-signature",
        "The same by the Standard Webhooks specification: HMAC-SHA256 of `<id>.<t>.<body>` in base64.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        r"^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
    ),
    _header("flux-delivery", "The id of the delivery.", example_id(Prefix.DELIVERY), id_pattern(Prefix.DELIVERY)),
    _header("flux-attempt", "Which attempt this is, from 1.", "1", r"^\d+$"),
    _header("user-agent", "Who sends it.", f"Flux-Dispatch/{__version__}", "^Flux-Dispatch/"),
]

_EVENT: Final[Mapping[str, Mapping[str, Any]]] = {
    "id": {"type": "string", "pattern": id_pattern(Prefix.EVENT), "description": "The same on every attempt."},
    "type": {"type": "string", **EVENT_TYPE, "description": "What kind of event it is."},
    "created": {"type": "string", "format": "date-time", "description": "When it was published."},
    "data": {"type": "object", "description": "What happened, as it was published."},
}


def _webhook(
    name: str, summary: str, description: str, examples: Mapping[str, Any], **properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the document says of one kind of event; `properties` are those of its body that are its own."""
    schema = {"type": "object", "required": [*_EVENT], "properties": {**_EVENT, **properties}}
    return {
        "post": {
            "operationId": name,
            "summary": summary,
            "description": description,
            "parameters": _HEADERS,
            "security": [],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema, "examples": examples}},
            },
            "responses": {
                "2XX": {"description": "The event was received; the body is not looked at."},
                "410": {"description": "The endpoint is gone for good: the webhook is disabled."},
                "default": {"description": "It was not received: it comes again by the retry table."},
            },
        }
    }


def _own(event_type: str, each: DescribedOwnEvent) -> dict[str, Any]:
    example = _example(each.summary, event_type, example_of(each.data, {}, whole=True))
    named = {"const": event_type, "description": _EVENT["type"]["description"]}
    description = f"{each.description}\n\n{WHO_GETS_THEM}"
    return _webhook(event_type, each.summary, description, {event_type: example}, type=named, data=each.data)


def _example(summary: str, event_type: str, data: dict[str, object]) -> dict[str, Any]:
    value = {"id": example_id(Prefix.EVENT), "type": event_type, "created": EXAMPLE_TIME, "data": data}
    return {"summary": summary, "value": value}


ANY_EVENT: Final = "event"
"""What is said of every event stands under this name, what is said of each of the engine's own under its type."""

WEBHOOKS: Final[dict[str, Any]] = {
    ANY_EVENT: _webhook(
        ANY_EVENT,
        "An event",
        "What a webhook gets for each event that it wants, until it answers 2xx or every attempt of the retry table "
        "was made. Verify the signature over the body as it came, answer within 15 seconds, and work on the event "
        "afterwards. The same event may come twice, with the same id.",
        {
            "order.completed": _example(
                "An order is complete",
                "order.completed",
                {"order": "ord_1001", "amount": 4999, "currency": "EUR"},
            ),
            "user.signup": _example(
                "A user has signed up", "user.signup", {"user": "usr_1001", "email": "zoe@example.com"}
            ),
        },
    ),
    **{event_type: _own(event_type, each) for event_type, each in OWN.items()},
}
