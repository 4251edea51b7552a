"""An event: something that happened in the company, whose exact bytes are made once and never again."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, Final, cast

from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, new_id

MAX_TYPE_LENGTH: Final = 128

OWN_EVENTS: Final = "flux."
"""How the types of events begin that tell what became of deliveries and webhooks; only who names them gets them."""


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
class EventDraft:
    """One event of a batch, as its publisher gives it."""

    type: str
    data: "EventData"
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """What became of one event: `event` is an earlier one if the idempotency key was known.

    `deliveries` are those that were stored with it; of an earlier one none are told. `webhooks` is how many want it;
    those beyond the first deliveries get theirs later.
    """

    event: Event
    deliveries: tuple[DeliveryId, ...]
    webhooks: int
    is_duplicate: bool


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a publisher is told: the event, how many webhooks want it, and whether this call only repeated another."""

    event: Event
    webhooks: int
    is_replay: bool


def validate_event_type(text: str, *, param: str = "type") -> str:
    """Return an event type as it was given: words of letters, digits, `_` and `-`, joined by single dots.

    Raises:
        InvalidRequest: it is not one.
    """
    if len(text) > MAX_TYPE_LENGTH or _TYPE.fullmatch(text) is None:
        message = (
            f"An event type is words of a-z, A-Z, 0-9, _ and - joined by dots, like order.completed, "
            f"of at most {MAX_TYPE_LENGTH} characters."
        )
        raise InvalidRequest(message, param=param, code="invalid_event_type")
    return text


def validate_publishable_type(text: str, *, param: str = "type") -> str:
    """Return an event type as it was given, if others than Flux Dispatch itself may publish it and describe it.

    Raises:
        InvalidRequest: it is none, or is one of the engine's own.
    """
    if validate_event_type(text, param=param).startswith(OWN_EVENTS):
        message = f"Types that begin with {OWN_EVENTS} are of what Flux Dispatch tells itself: give yours another name."
        raise InvalidRequest(message, param=param, code="invalid_event_type")
    return text


def patterns_that_match(event_type: str) -> list[str]:
    """Return every pattern that a webhook may have to get this type: `*`, `order.*`, …, and the type itself.

    What begins with OWN_EVENTS tells of deliveries and webhooks themselves, and `*` does not mean that.
    """
    words = event_type.split(".")
    prefixes = [".".join(words[:count]) + ".*" for count in range(1, len(words))]
    return [*prefixes, event_type] if event_type.startswith(OWN_EVENTS) else ["*", *prefixes, event_type]


@dataclass(frozen=True, slots=True)
class EventData:
    """What an event says: a JSON object, in the writing of whoever published it.

    `text` is ASCII. Numbers, the order of keys, escapes and white space are the producer's; they are carried, never
    read and written again, which would turn 1e2 into 100.0 and cut a number to the digits that a float has.
    """

    text: str


def carried(text: str) -> EventData:
    """Return data that came as JSON text, which was parsed already; the parser took it, so its syntax is good.

    Characters beyond ASCII, which can only stand in strings, become escapes: some verifiers decode the body with
    another charset before they check it.

    Raises:
        InvalidRequest: it holds what the database and other parsers cannot: U+0000 or half a surrogate pair.
    """
    if not text.isascii():
        text = _BEYOND_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    if _ESCAPE in text:
        try:
            _check_escapes(text)
        except ValueError as error:
            raise _not_json() from error
    return EventData(text)


def serialised(data: dict[str, Any]) -> EventData:
    """Return data that came as Python objects, written once.

    Raises:
        InvalidRequest: it holds what JSON or the database cannot: NaN, half a surrogate pair, U+0000.
    """
    try:
        text = json.dumps(data, separators=(",", ":"), allow_nan=False)
        if _ESCAPE in text:
            _check_escapes(text)
    except (ValueError, RecursionError) as error:
        raise _not_json() from error
    return EventData(text)


def new_event(
    created_at: datetime, account: AccountId, event_type: str, data: EventData, idempotency_key: str | None = None
) -> Event:
    """Return an event of this instant, with an id of its own and the body that every receiver gets."""
    event_id = cast(EventId, new_id(Prefix.EVENT, int(created_at.timestamp() * 1000)))
    body = compose_body(event_id, event_type, created_at, data)
    return Event(event_id, account, event_type, created_at, body, idempotency_key)


def compose_body(event_id: str, event_type: str, created_at: datetime, data: EventData) -> bytes:
    """Put the payload together: ASCII JSON, exactly id, type, created, data, in this order."""
    head = f'{{"id":"{event_id}","type":"{event_type}","created":"{rfc3339_seconds(created_at)}"'
    return f"{head},{_DATA}{data.text}}}".encode("ascii")


def data_in(body: bytes) -> EventData:
    """Return the data of a payload, as it stands there; nothing before it can hold a quotation mark of its own."""
    return EventData(body[body.index(_DATA.encode()) + len(_DATA) : -1].decode("ascii"))


def says_the_same(one: EventData, other: EventData) -> bool:
    """Say whether two data mean the same, whatever the order of their keys, their white space and their escapes.

    Numbers are the same when their values are, to the last digit: 1, 1.0 and 1e0 are one number, 0.1 and
    0.10000000000000001 are two. A key that stands twice in an object is not read as any parser would.
    """
    return one.text == other.text or _meaning(one) == _meaning(other)


def rfc3339_seconds(instant: datetime) -> str:
    """Return an instant of a payload or resource: RFC 3339, UTC, whole seconds."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def rfc3339_millis(instant: datetime) -> str:
    """Return an instant of the schedule: RFC 3339, UTC, milliseconds."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _check_escapes(text: str) -> None:
    # what was parsed does not show all of it: of a name that stands twice it holds one value
    if _NUL.search(text) or (_SURROGATE.search(text) and "\\" in _WHOLE_ESCAPE.sub("", text)):
        raise ValueError(text)


def _not_json() -> InvalidRequest:
    message = "The data cannot be written as JSON: it holds NaN, Infinity, U+0000 or half a surrogate pair, "
    message += "or is nested too deeply."
    return InvalidRequest(message, param="data", code="invalid_json", status=HTTPStatus.BAD_REQUEST)


def _meaning(data: EventData) -> object:
    return json.loads(data.text, parse_int=_number, parse_float=_number, object_pairs_hook=_members)


def _number(text: str) -> tuple[Decimal | str]:
    """Return a number's exact value; within a tuple, so that 1 is not true."""
    try:
        return (Decimal(text),)
    except InvalidOperation:
        return (text,)  # its exponent is beyond all bounds


def _members(pairs: list[tuple[str, object]]) -> object:
    members = dict(pairs)
    return members if len(members) == len(pairs) else tuple(pairs)


_DATA: Final = '"data":'
_ESCAPE: Final = "\\u"
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_WHOLE_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|u(?![dD][89a-fA-F])|[^u])", re.ASCII)
"""All escapes but half a surrogate pair, one after the other from the left."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_TYPE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
