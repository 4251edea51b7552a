"""An event: something that happened in the company, whose exact bytes are made once and never again."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId

LONGEST_TYPE: Final = 128


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is stored: `body` is what every receiver gets, byte for byte."""

    id: EventId
    account: AccountId
    type: str
    created_at: datetime
    body: bytes
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one event: `event` is an earlier one if the idempotency key was known.

    `webhooks` is how many want it; those beyond the first deliveries get theirs later.
    """

    event: Event
    deliveries: tuple[DeliveryId, ...]
    webhooks: int
    is_earlier: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a publisher is told: the event, how many webhooks want it, and whether this call only repeated another."""

    event: Event
    webhooks: int
    is_replay: bool


def check_type(text: str, *, param: str = "type") -> str:
    """Return an event type as it was given: words of letters, digits, `_` and `-`, joined by single dots.

    Raises:
        InvalidRequest: it is not one.
    """
    if len(text) > LONGEST_TYPE or _TYPE.fullmatch(text) is None:
        message = (
            f"An event type is words of a-z, A-Z, 0-9, _ and - joined by dots, like order.completed, "
            f"of at most {LONGEST_TYPE} characters."
        )
        raise InvalidRequest(message, param=param, code="invalid_event_type")
    return text


def patterns_that_match(event_type: str) -> list[str]:
    """Return every pattern that a webhook may have to get this type: `*`, `order.*`, …, and the type itself."""
    words = event_type.split(".")
    prefixes = [".".join(words[:count]) + ".*" for count in range(1, len(words))]
    return ["*", *prefixes, event_type]


def compose_body(event_id: str, event_type: str, created_at: datetime, data: dict[str, Any]) -> bytes:
    """Serialise the payload: ASCII JSON, exactly id, type, created, data, in this order.

    ASCII because some verifiers decode the body with another charset before they check it.

    Raises:
        InvalidRequest: the data holds what JSON or the database cannot (NaN, a lone surrogate, a NUL).
    """
    payload = {"id": event_id, "type": event_type, "created": written(created_at), "data": data}
    try:
        body = json.dumps(payload, separators=(",", ":"), allow_nan=False)
        if _RARE in body:
            _check_rare_characters(body, data)
    except (ValueError, RecursionError) as error:
        message = "The data cannot be written as JSON: it holds NaN, Infinity, U+0000 or half a surrogate pair, "
        message += "or is nested too deeply."
        raise InvalidRequest(message, param="data", code="invalid_json", status=HTTPStatus.BAD_REQUEST) from error
    return body.encode("ascii")


def written(instant: datetime) -> str:
    """Return an instant of a payload or resource: RFC 3339, UTC, whole seconds."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def written_exactly(instant: datetime) -> str:
    """Return an instant of the schedule: RFC 3339, UTC, milliseconds."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _check_rare_characters(body: str, data: dict[str, Any]) -> None:
    if _NUL.search(body):
        raise ValueError(body)
    json.dumps(data, ensure_ascii=False).encode()  # UnicodeEncodeError, a ValueError, for half a surrogate pair


_RARE = "\\u"
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_TYPE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
