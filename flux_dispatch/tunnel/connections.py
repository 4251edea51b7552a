"""Which commands are connected to this process."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from flux_dispatch.domain.ids import ListenSessionId
from flux_dispatch.domain.listen_session import TunnelTarget
from flux_dispatch.tunnel.connection import Connection


class Connections:
    """The connections of this process, one a session."""

    def __init__(self) -> None:
        self._connections: dict[ListenSessionId, Connection] = {}
        self._tokens: dict[str, Connection] = {}
        self._arrivals: dict[ListenSessionId, _Arrival] = {}

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._connections.values()))

    def __len__(self) -> int:
        return len(self._connections)

    def get(self, session: ListenSessionId) -> Connection | None:
        """Return the open connection of a session."""
        found = self._connections.get(session)
        return found if found is not None and found.is_open else None

    def target(self, token: str) -> TunnelTarget | None:
        """Return what is behind a token whose session is connected here."""
        found = self._tokens.get(token)
        return found.target if found is not None and found.is_open else None

    def add(self, connection: Connection) -> None:
        """Take a connection in; the one that its session had here before closes."""
        before = self._connections.get(connection.id)
        if before is not None:
            self.remove(before)
            before.replace()
        self._connections[connection.id] = connection
        self._tokens[_token(connection)] = connection
        if arrival := self._arrivals.pop(connection.id, None):
            arrival.event.set()

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        if self._connections.get(connection.id) is connection:
            del self._connections[connection.id]
            del self._tokens[_token(connection)]

    async def wait_for(self, session: ListenSessionId, seconds: float) -> None:
        """Return when the session's command connects here, or after so long."""
        arrival = self._arrivals.setdefault(session, _Arrival())
        arrival.waiting += 1
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(arrival.event.wait(), seconds)
        finally:
            arrival.waiting -= 1
            if not arrival.waiting and self._arrivals.get(session) is arrival:
                del self._arrivals[session]


class _Arrival:
    """A command that is waited for, and by how many."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.waiting = 0


def _token(connection: Connection) -> str:
    return connection.session.url.rpartition("/")[2]
