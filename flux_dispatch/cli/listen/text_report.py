"""Tells people what happens: two lines for each request, and one for whatever else there is to know."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flux_dispatch.cli.listen.excerpt import first_lines
from flux_dispatch.cli.listen.report import Arrival, Reply, Session
from flux_dispatch.cli.output.terminal import coloured, is_terminal, width
from flux_dispatch.cli.output.text import harmless
from flux_dispatch.tunnel.frames import Answer, Request

_GREEN, _YELLOW, _RED, _DIM, _BOLD = "32", "33", "31", "2", "1"
_REDIRECT: Final = 300
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_ID_ENDS: Final = 4
_MOST_OF_A_TARGET: Final = 200
_INDENT: Final = " " * 25


@dataclass(frozen=True, slots=True)
class Look:
    """How the place that is written to shows lines: `width` is that of a terminal, None for anything else."""

    width: int | None = None
    is_coloured: bool = False


def look_of_output() -> Look:
    """Return how standard output shows lines."""
    if not is_terminal():
        return Look()
    return Look(width(), is_coloured=coloured("x", "green") != "x")


class TextReport:
    """Writes lines for people; `write` takes a whole line without its end."""

    def __init__(
        self,
        write: Callable[[str], None],
        look: Look,
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._write = write
        self._look = look
        self._clock = clock
        self._is_disconnected = False

    def ready(self, session: Session, *, local_server_answers: bool) -> None:
        """See Report."""
        self._is_disconnected = False
        what = "all events" if "*" in session.events else ", ".join(session.events)
        where = f"Forwarding {what} to {session.forward_to}"
        if session.forward_to is None:
            where = f"Showing {what}; --forward-to sends them to a server of yours"
        self._write(self._painted(f"Ready. {where}", _BOLD))
        self._write(f"Public URL      {session.url}   {self._painted('(temporary: ends with this command)', _DIM)}")
        stays = f"   {self._painted('(the same each time on this machine)', _DIM)}" if session.secret_stays else ""
        self._write(f"Signing secret  {session.secret}{stays}")
        if not local_server_answers:
            self._warn(
                f"Nothing listens at {session.forward_to} yet: start your server. Until then senders get a 502, "
                "and events are tried again."
            )
        if self._look.width is not None:
            example = next((each for each in session.events if "*" not in each), "order.completed")
            self._write(self._painted(f"Try it in another terminal: flux trigger {example}   Ctrl-C ends this.", _DIM))

    def arrived(self, arrival: Arrival) -> None:
        """See Report."""
        request = arrival.request
        what = _in_one_line(arrival.event_type or f"{request.method} {_path(request)}")
        again = f"  attempt {arrival.attempt}" if arrival.attempt and arrival.attempt > 1 else ""
        self._line(f"--> {what}{again}", arrival.event)

    def replied(self, reply: Reply) -> None:
        """See Report."""
        if reply.url is None and not reply.repeated:
            return
        answer, event = reply.answer, reply.arrival.event
        if reply.repeated:
            status = str(answer.status) if isinstance(answer, Answer) else answer.code
            self._line(f"<-- {status}  answered before, and not forwarded again", event, _DIM)
            return
        target = f"{reply.arrival.request.method} {reply.url}"
        late = ", when nobody waited for it any more" if reply.late else ""
        if isinstance(answer, Answer):
            target = f"{target}  ({reply.seconds * 1000:.0f} ms{late})"
            self._line(f"<-- {answer.status}  {_in_one_line(target)}", event, _colour_of(answer.status))
            if answer.status >= _CLIENT_ERROR:
                self._excerpt(answer)
        else:
            self._line(f"<-- failed  {_in_one_line(target)}  {_in_one_line(answer.message)}", event, _RED)

    def disconnected(self, why: str) -> None:
        """See Report."""
        what, then = "No connection", " Connecting again; what comes meanwhile waits."
        if self._is_disconnected:
            what, then = "Still no connection", ""
        self._is_disconnected = True
        self._line(f"{what}: {_in_one_line(why)}{then}", None, _YELLOW)

    def reconnected(self, seconds: float) -> None:
        """See Report."""
        self._is_disconnected = False
        self._line(f"Connected again after {seconds:.1f} s.", None, _GREEN)

    def server_lacks(self, what: str, message: str) -> None:  # noqa: ARG002 - the message says it
        """See Report."""
        self._line(_in_one_line(message), None, _YELLOW)

    def server_lacks_nothing(self) -> None:
        """See Report."""
        self._line("The server has all its parts again.", None, _GREEN)

    def ended(self, reason: str, message: str) -> None:  # noqa: ARG002 - the message says it
        """See Report."""
        if self._look.width is not None:
            # behind the ^C that the terminal shows
            self._write("")
        self._write(_in_one_line(message))

    def lost_session(self, reason: str, message: str) -> None:
        """See Report: the error on standard error says it."""

    def _line(self, text: str, event: str | None, colour: str | None = None) -> None:
        time = f"{self._clock():%Y-%m-%d %H:%M:%S}  "
        end = f"  {_in_one_line(event)}" if event else ""
        if event and self._look.width is not None and len(time) + len(text) + len(end) > self._look.width:
            kind, _, rest = _in_one_line(event).partition("_")
            end = f"  {kind}_{rest[:_ID_ENDS]}…{rest[-_ID_ENDS:]}"
        self._write(f"{self._painted(time, _DIM)}{self._painted(text, colour)}{self._painted(end, _DIM)}")

    def _excerpt(self, answer: Answer) -> None:
        if self._look.width is None:
            return
        for line in first_lines(answer.body, answer.headers, max(20, self._look.width - len(_INDENT))):
            self._write(_INDENT + self._painted(line, _DIM))

    def _warn(self, text: str) -> None:
        self._write(self._painted(text, _YELLOW))

    def _painted(self, text: str, colour: str | None) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if colour and text and self._look.is_coloured else text


def _in_one_line(text: str) -> str:
    """Return what others wrote as it may stand in a line of ours."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def _path(request: Request) -> str:
    path = f"{request.path or '/'}{'?' if request.query else ''}{request.query}"
    return path if len(path) <= _MOST_OF_A_TARGET else f"{path[:_MOST_OF_A_TARGET]}…"


def _colour_of(status: int) -> str:
    if status < _REDIRECT:
        return _GREEN
    return _YELLOW if status < _SERVER_ERROR else _RED
