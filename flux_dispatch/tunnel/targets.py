"""What is behind the token of a URL: known of the sessions that are connected here, else asked of the database."""

import asyncio
from typing import Final, Protocol

from flux_dispatch.domain.errors import NotFound, Unavailable
from flux_dispatch.domain.listen_session import SessionEnded, TunnelTarget, is_token
from flux_dispatch.engine.flow.short_memory import ShortMemory
from flux_dispatch.tunnel.connections import Connections

REMEMBERED_SECONDS: Final = 5.0

MAX_LOOK_UPS: Final = 8
"""How many tokens are looked up at a time: guesses are, too."""


class Store(Protocol):
    """What is needed of the database."""

    async def target(self, token: str) -> TunnelTarget | None:
        """Return what is behind a token; None when there is no such session."""
        ...


class Targets:
    """Finds what is behind tokens."""

    def __init__(self, connections: Connections, store: Store) -> None:
        self._connections = connections
        self._store = store
        self._places = asyncio.Semaphore(MAX_LOOK_UPS)
        self._known = ShortMemory[str, TunnelTarget](self._look_up, REMEMBERED_SECONDS)

    async def get(self, token: str) -> TunnelTarget:
        """Return what is behind a token.

        Raises:
            NotFound: nothing is.
            SessionEnded: what was is over.
            Unavailable: the database does not answer, and it is not connected here.
        """
        if target := self._connections.target(token):
            return target
        found = await self._known.get(token) if is_token(token) else None
        return _open(found)

    async def check_open(self, token: str) -> None:
        """Pass a token whose session is not over, asking anew; while the database does not answer, it is not.

        Raises:
            SessionEnded: it is over.
        """
        try:
            found = await self._look_up(token)
        except Unavailable:
            return
        self._known.forget(lambda target: found is None or target.id == found.id)
        try:
            _open(found)
        except NotFound:
            raise SessionEnded from None

    async def _look_up(self, token: str) -> TunnelTarget | None:
        async with self._places:
            return await self._store.target(token)


def _open(found: TunnelTarget | None) -> TunnelTarget:
    if found is None:
        raise NotFound("There is nothing at this URL: no listen session has it, or had it lately.")
    if found.ended_reason is not None:
        raise SessionEnded
    return found
