"""Tells programs what happens: one JSON object a line, as docs/test-locally.md describes them."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flux_dispatch.cli.listen.report import Arrival, Reply, Session
from flux_dispatch.tunnel.frames import Answer, Failed


class JsonReport:
    """Writes lines of JSON; `write` takes a whole line without its end."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._write = write
        self._clock = clock

    def ready(self, session: Session, *, local_server_answers: bool) -> None:
        """See Report."""
        self._tell(
            "ready",
            session=session.id,
            url=session.url,
            secret=session.secret,
            events=list(session.events),
            forward_to=session.forward_to,
            local_server_answers=local_server_answers,
        )

    def arrived(self, arrival: Arrival) -> None:
        """See Report."""
        request = arrival.request
        self._tell(
            "request",
            id=request.id,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=[list(each) for each in request.headers],
            **_body(request.body),
            delivery=request.delivery,
            event=arrival.event,
            event_type=arrival.event_type,
            attempt=arrival.attempt,
            received_at=request.received_at,
        )

    def replied(self, reply: Reply) -> None:
        """See Report."""
        self._tell(
            "answer",
            id=reply.arrival.request.id,
            delivery=reply.arrival.request.delivery,
            event=reply.arrival.event,
            url=reply.url,
            **_outcome(reply.answer),
            duration_ms=round(reply.seconds * 1000, 1),
            repeated=reply.repeated,
            late=reply.late,
        )

    def disconnected(self, why: str) -> None:
        """See Report."""
        self._tell("disconnected", message=why)

    def reconnected(self, seconds: float) -> None:
        """See Report."""
        self._tell("reconnected", after_seconds=round(seconds, 1))

    def server_lacks(self, what: str, message: str) -> None:
        """See Report."""
        self._tell("unavailable", what=what, message=message)

    def server_lacks_nothing(self) -> None:
        """See Report."""
        self._tell("available")

    def ended(self, reason: str, message: str) -> None:
        """See Report."""
        self._tell("ended", reason=reason, message=message)

    def lost_session(self, reason: str, message: str) -> None:
        """See Report."""
        self._tell("ended", reason=reason, message=message)

    def _tell(self, kind: str, **members: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        at = self._clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._write(json.dumps({"type": kind, "at": at, **members}))


def _outcome(answer: Answer | Failed) -> dict[str, Any]:
    if isinstance(answer, Failed):
        return {"status": None, "body_bytes": None, "error": {"code": answer.code, "message": answer.message}}
    return {"status": answer.status, "body_bytes": len(answer.body), "error": None}


def _body(body: bytes) -> dict[str, str | None]:
    try:
        return {"body": body.decode(), "body_base64": None}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": b64encode(body).decode()}
