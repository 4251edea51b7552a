"""What there is to tell while the command listens; text for people and JSON for programs tell it in their own way."""

import json
from dataclasses import dataclass
from typing import Protocol

from flux_dispatch.tunnel.frames import Answer, Failed, Headers, Request


@dataclass(frozen=True, slots=True)
class Session:
    """The session as the server made it; `forward_to` is None where requests are only shown.

    `secret_stays` says that later sessions of this machine have the same secret.
    """

    id: str
    url: str
    secret: str
    events: tuple[str, ...]
    forward_to: str | None
    secret_stays: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that came through the tunnel, and what its delivery says of itself."""

    request: Request
    event: str | None
    event_type: str | None
    attempt: int | None

    @classmethod
    def of(cls, request: Request) -> "Arrival":
        """Return the arrival of a request; only a delivery is believed."""
        if request.delivery is None:
            return cls(request, None, None, None)
        attempt = _value(request.headers, "flux-attempt") or ""
        return cls(
            request,
            event=_value(request.headers, "webhook-id"),
            event_type=_event_type(request.body),
            attempt=int(attempt) if attempt.isdecimal() else None,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """How an arrival was answered, by `url` unless it was `repeated` from memory.

    It is `late` if nobody waited for it any more.
    """

    arrival: Arrival
    answer: Answer | Failed
    url: str | None
    seconds: float
    repeated: bool = False
    late: bool = False


class Report(Protocol):
    """Is told each thing as it happens; never raises because of where it writes to."""

    def ready(self, session: Session, *, local_server_answers: bool) -> None:
        """Connected for the first time."""

    def arrived(self, arrival: Arrival) -> None:
        """A request has come."""

    def replied(self, reply: Reply) -> None:
        """It was answered, or the local server did not."""

    def disconnected(self, why: str) -> None:
        """The connection was lost, or there is another reason now why it does not come back."""

    def reconnected(self, seconds: float) -> None:
        """It is back after so many seconds."""

    def server_lacks(self, what: str, message: str) -> None:
        """A part of the server does not answer; the connection stays."""

    def server_lacks_nothing(self) -> None:
        """All parts of the server answer again."""

    def ended(self, reason: str, message: str) -> None:
        """It is over, as it was asked to be."""

    def lost_session(self, reason: str, message: str) -> None:
        """The server has ended it; the command ends with an error that says so."""


def _value(headers: Headers, wanted: str) -> str | None:
    return next((value for name, value in headers if name.lower() == wanted), None)


def _event_type(body: bytes) -> str | None:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = event.get("type") if isinstance(event, dict) else None
    return found if isinstance(found, str) else None
