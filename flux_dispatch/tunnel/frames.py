"""What travels through the tunnel's WebSocket: frames, and their form as bytes.

A frame is one binary message: four bytes that tell the length of its head (big-endian), the head as JSON, and the body
as it is. `flux listen` speaks it too, and so do the API's processes among each other.

A header's value is text as aiohttp reads it: bytes that are no UTF-8 are lone surrogates (`surrogateescape`), and go
out as the bytes that they were.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

SUBPROTOCOL: Final = "flux.listen.v1"
"""What both sides of the WebSocket have to name."""

INSTANCE_HEADER: Final = "Flux-Listen-Instance"
"""Names one run of the command, with 32 hex digits that it made once: it may replace its own connection, no other's."""

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_HEAD_BYTES: Final = 256 * 1024
MAX_MESSAGE_BYTES: Final = 4 + MAX_HEAD_BYTES + MAX_BODY_BYTES

FIRST_STATUS: Final = 200
LAST_STATUS: Final = 999
"""Which statuses an answer may have: one below is of no answer, but of something that comes before one."""

PING_SECONDS: Final = 10.0
"""How often each side pings the other, and for how long it waits for the answer."""

CLOSED_REPLACED: Final = 4000
CLOSED_ENDED: Final = 4001
CLOSED_RESTARTING: Final = 1012
"""With which code the server closes: the command has connected anew, the session is over, or the server stops."""

Headers: TypeAlias = tuple[tuple[str, str], ...]


class NotAFrame(ValueError):
    """The bytes are no frame; the message says why."""


@dataclass(frozen=True, slots=True)
class Ready:
    """To the command, first: it is connected, and what comes to this URL will reach it."""

    session: str
    url: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """To the command: a request to be made of the local server.

    `path` is what follows the token in the URL, as it was written: empty, or with its first slash. `query` has no
    question mark. `delivery` is there if Flux itself sends it, and proved that. One `id` may come more than once.
    """

    id: str
    method: str
    path: str
    query: str
    headers: Headers
    delivery: str | None
    received_at: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """To the command: whoever waits has this answer, so it need not be kept."""

    id: str


@dataclass(frozen=True, slots=True)
class Gone:
    """To the command: nobody waits for this answer any more."""

    id: str


@dataclass(frozen=True, slots=True)
class NotAvailable:
    """To the command: a part that the server needs does not answer; connected it stays."""

    what: str
    message: str


@dataclass(frozen=True, slots=True)
class Available:
    """To the command: all parts answer again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """To the command, last: the session is over, and none may connect to it again."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """From the command: what the local server answered."""

    id: str
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """From the command: the local server did not answer; `code` is one word for it, `message` a sentence."""

    id: str
    code: str
    message: str


Frame: TypeAlias = Ready | Request | Received | Gone | NotAvailable | Available | Ended | Answer | Failed


def encode(frame: Frame) -> bytes:
    """Return a frame as bytes.

    Raises:
        NotAFrame: its head or body is larger than a message may be.
    """
    kind = _KINDS[type(frame)]
    head = {name: getattr(frame, name) for name in frame.__slots__ if name != "body"}
    body: bytes = getattr(frame, "body", b"")
    text = json.dumps({"kind": kind, **head}, separators=(",", ":")).encode()
    if len(text) > MAX_HEAD_BYTES or len(body) > MAX_BODY_BYTES:
        raise NotAFrame(
            f"A frame has at most {MAX_HEAD_BYTES} bytes of head and {MAX_BODY_BYTES} of body; "
            f"this one has {len(text)} and {len(body)}."
        )
    return len(text).to_bytes(4, "big") + text + body


def decode(message: bytes) -> Frame:
    """Return the frame that a message is; members that are not known are passed over.

    Raises:
        NotAFrame: it is none, or larger than one may be.
    """
    length = int.from_bytes(message[:4], "big")
    body = message[4 + length :]
    if len(message) < 4 + length or length > MAX_HEAD_BYTES or len(body) > MAX_BODY_BYTES:
        raise NotAFrame(f"The head is said to have {length} bytes, in a message of {len(message)}.")
    try:
        head = json.loads(message[4 : 4 + length])
    except (ValueError, RecursionError):
        raise NotAFrame("The head is not JSON.") from None
    make = _READERS.get(str(head.get("kind"))) if isinstance(head, dict) else None
    if make is None:
        raise NotAFrame("The head is not a JSON object whose kind is known.")
    return make(_Head(head), body)


class _Head:
    """The members of a head, each of the type that it must have."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def text(self, name: str) -> str:
        value = self._members.get(name)
        if not isinstance(value, str):
            raise NotAFrame(f"{name} is not a string.")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self._members.get(name) is None else self.text(name)

    def status(self) -> int:
        value = self._members.get("status")
        if not isinstance(value, int) or not FIRST_STATUS <= value <= LAST_STATUS:
            raise NotAFrame(f"status is not a number from {FIRST_STATUS} to {LAST_STATUS}.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._members.get(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise NotAFrame(f"{name} is not a list of strings.")
        return tuple(value)

    def headers(self) -> Headers:
        value = self._members.get("headers")
        if not isinstance(value, list) or not all(_is_pair(each) for each in value):
            raise NotAFrame("headers is not a list of pairs of strings.")
        return tuple(cast(Headers, (tuple(each) for each in value)))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == _PAIR and all(isinstance(each, str) for each in value)


def _read_request(head: _Head, body: bytes) -> Request:
    return Request(
        id=head.text("id"),
        method=head.text("method"),
        path=head.text("path"),
        query=head.text("query"),
        headers=head.headers(),
        delivery=head.text_or_none("delivery"),
        received_at=head.text("received_at"),
        body=body,
    )


_PAIR: Final = 2

_KINDS: Final[Mapping[type[Frame], str]] = {
    Ready: "ready",
    Request: "request",
    Received: "received",
    Gone: "gone",
    NotAvailable: "unavailable",
    Available: "available",
    Ended: "ended",
    Answer: "answer",
    Failed: "failed",
}

_READERS: Final[Mapping[str, Callable[[_Head, bytes], Frame]]] = {
    "ready": lambda head, _: Ready(head.text("session"), head.text("url"), head.texts("events")),
    "request": _read_request,
    "received": lambda head, _: Received(head.text("id")),
    "gone": lambda head, _: Gone(head.text("id")),
    "unavailable": lambda head, _: NotAvailable(head.text("what"), head.text("message")),
    "available": lambda *_: Available(),
    "ended": lambda head, _: Ended(head.text("reason"), head.text("message")),
    "answer": lambda head, body: Answer(head.text("id"), head.status(), head.headers(), body),
    "failed": lambda head, _: Failed(head.text("id"), head.text("code"), head.text("message")),
}
