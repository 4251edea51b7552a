"""What receivers get, as the OpenAPI document describes it: the POST of an event, its headers, and what to answer."""

from typing import Any, Final

from flux_dispatch import __version__
from flux_dispatch.api.fields import EVENT_TYPE, EXAMPLE_TIME, example_id, id_pattern
from flux_dispatch.domain.ids import Prefix

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

_EVENT: Final = {
    "type": "object",
    "required": ["id", "type", "created", "data"],
    "properties": {
        "id": {"type": "string", "pattern": id_pattern(Prefix.EVENT), "description": "The same on every attempt."},
        "type": {"type": "string", **EVENT_TYPE, "description": "What kind of event it is."},
        "created": {"type": "string", "format": "date-time", "description": "When it was published."},
        "data": {"type": "object", "description": "What happened, as it was published."},
    },
}


def _example(summary: str, event_type: str, data: dict[str, object]) -> dict[str, Any]:
    value = {"id": example_id(Prefix.EVENT), "type": event_type, "created": EXAMPLE_TIME, "data": data}
    return {"summary": summary, "value": value}


WEBHOOKS: Final[dict[str, Any]] = {
    "event": {
        "post": {
            "operationId": "event",
            "summary": "An event",
            "description": (
                "What a webhook gets for each event that it wants, until it answers 2xx or every attempt of the retry "
                "table was made. Verify the signature over the body as it came, answer within 15 seconds, and work on "
                "the event afterwards. The same event may come twice, with the same id."
            ),
            "parameters": _HEADERS,
            "security": [],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": _EVENT,
                        "examples": {
                            "order.completed": _example(
                                "An order is complete",
                                "order.completed",
                                {"order": "ord_1001", "amount": 4999, "currency": "EUR"},
                            ),
                            "user.signup": _example(
                                "A user has signed up", "user.signup", {"user": "usr_1001", "email": "zoe@example.com"}
                            ),
                        },
                    }
                },
            },
            "responses": {
                "2XX": {"description": "The event was received; the body is not looked at."},
                "410": {"description": "The endpoint is gone for good: the webhook is disabled."},
                "default": {"description": "It was not received: it comes again by the retry table."},
            },
        }
    }
}
