"""How much may go to one session: whoever sends too much, or hangs, takes a share and no more.

Each process counts what comes to it, and the one that a session's command is connected to also what others carry there.
So a session has its limits once, however many processes there are.
"""

import asyncio
import time
from enum import StrEnum
from typing import Final, Self

from flux_dispatch.domain.errors import RateLimited
from flux_dispatch.domain.ids import ListenSessionId
from flux_dispatch.tunnel.frames import MAX_BODY_BYTES

MAX_IN_FLIGHT: Final = 128
"""How many requests one session has in flight."""

MAX_BYTES_OF_SESSION: Final = 16 * 2**20
MAX_BYTES: Final = 128 * 2**20
"""How much their bodies may weigh, in one session and in all."""

PER_SECOND: Final = 50
BURST: Final = 100
"""How many requests of strangers a session takes; what Flux itself delivers is not counted."""

_MANY: Final = 10_000


class Limits:
    """Counts, for each session, what is in flight and how much came lately."""

    def __init__(self) -> None:
        self._sessions: dict[ListenSessionId, _InFlight] = {}
        self._bytes = 0
        self._full_at: dict[ListenSessionId, float] = {}

    def place(self, session: ListenSessionId) -> "Place":
        """Lend a place.

        Raises:
            RateLimited: all are taken.
        """
        line = self._sessions.setdefault(session, _InFlight())
        if line.requests >= MAX_IN_FLIGHT:
            message = f"{MAX_IN_FLIGHT} requests to this URL wait for their answers already. Try again in a second."
            raise RateLimited(message, 1)
        line.requests += 1
        return Place(self, session, line)

    def give_back(self, session: ListenSessionId, line: "_InFlight", count: int) -> None:
        """Take note that a place is free, and so many bytes are gone."""
        line.requests -= 1
        line.bytes_held -= count
        self._bytes -= count
        if not line.requests:
            self._sessions.pop(session, None)

    def count(self, session: ListenSessionId) -> None:
        """Count a request of a stranger.

        Raises:
            RateLimited: there were too many lately.
        """
        now = time.monotonic()
        if len(self._full_at) > _MANY:
            self._full_at = {each: full_at for each, full_at in self._full_at.items() if full_at > now}
        full_at = max(self._full_at.get(session, now), now) + 1 / PER_SECOND
        if full_at - now > BURST / PER_SECOND:
            message = f"More than {PER_SECOND} requests a second were sent to this URL. "
            raise RateLimited(message + "Wait as long as Retry-After says.", 1)
        self._full_at[session] = full_at

    def take_bytes(self, line: "_InFlight", count: int) -> None:
        """Count bytes of a body.

        Raises:
            RateLimited: too many wait already.
        """
        if line.bytes_held + count > MAX_BYTES_OF_SESSION or self._bytes + count > MAX_BYTES:
            message = "Too much is on its way to this URL already. Try again in a second, with less at a time."
            raise RateLimited(message, 1)
        line.bytes_held += count
        self._bytes += count


class Place:
    """A request in flight, and what its body weighs; to be given back once."""

    def __init__(self, limits: Limits, session: ListenSessionId, line: "_InFlight") -> None:
        self._limits = limits
        self._session = session
        self._line = line
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    @property
    def has_room(self) -> bool:
        """Say whether one byte more would be too large for a request."""
        return self._bytes <= MAX_BODY_BYTES

    def add(self, count: int) -> None:
        """Count bytes of the body.

        Raises:
            RateLimited: too many wait already, of this session or of all.
        """
        self._limits.take_bytes(self._line, count)
        self._bytes += count

    def give_back(self) -> None:
        """Take note that the request is over."""
        self._limits.give_back(self._session, self._line, self._bytes)


class Asking(StrEnum):
    """As what a request is carried to the process that counts for its session."""

    DELIVERY = "delivery"
    STRANGER = "stranger"

    AGAIN = "again"
    """It was asked before, and may have been forwarded: it is not refused any more."""


class CarriedPlaces:
    """The places of requests that other processes carry here.

    Args:
        limits: those of all that comes to this process.
        answer_seconds: for how long whoever carries one waits; a place that nobody gave back by then is free.
    """

    def __init__(self, limits: Limits, answer_seconds: float) -> None:
        self._limits = limits
        self._answer_seconds = answer_seconds
        self._places: dict[str, tuple[Place, asyncio.TimerHandle]] = {}

    def take(self, session: ListenSessionId, request_id: str, asking: Asking, size: int) -> None:
        """Count a request.

        Raises:
            RateLimited: it is one too many.
        """
        if asking is Asking.AGAIN or request_id in self._places:
            return
        if asking is Asking.STRANGER:
            self._limits.count(session)
        place = self._limits.place(session)
        late = asyncio.get_running_loop().call_later(self._answer_seconds, self.give_back, request_id)
        self._places[request_id] = place, late
        try:
            place.add(size)
        except RateLimited:
            self.give_back(request_id)
            raise

    def give_back(self, request_id: str) -> None:
        """Take note that a request is over."""
        if taken := self._places.pop(request_id, None):
            place, late = taken
            place.give_back()
            late.cancel()


class _InFlight:
    def __init__(self) -> None:
        self.requests = 0
        self.bytes_held = 0
