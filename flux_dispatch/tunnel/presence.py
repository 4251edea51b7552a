"""Says in the database which sessions are seen, and ends the connections of those that were ended meanwhile."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.errors import CallerError, FluxError, NotFound, Unavailable
from flux_dispatch.domain.ids import AccountId, ListenSessionId
from flux_dispatch.domain.listen_session import TOUCH_SECONDS, EndReason
from flux_dispatch.tunnel.connections import Connections

RETRY_SECONDS: Final = 1.0
"""After how long it is tried again while the database does not answer."""

log = structlog.get_logger("flux.tunnel")


class Store(Protocol):
    """What is needed of the database."""

    async def touch(self, process: str, held: Mapping[ListenSessionId, int]) -> set[ListenSessionId]:
        """Say that these sessions are seen; return those of which it holds."""
        ...

    async def end_reasons(self, sessions: Sequence[ListenSessionId]) -> dict[ListenSessionId, EndReason]:
        """Return why those of these sessions ended that have."""
        ...


class End(Protocol):
    """What ends a session."""

    async def __call__(self, account: AccountId, session: ListenSessionId, reason: EndReason) -> None:
        """End it."""
        ...


class Presence:
    """Looks after the connections of this process.

    Args:
        process: its name.
        connections: its connections.
        store: where they are seen.
        end: ends a session.
    """

    def __init__(self, process: str, connections: Connections, store: Store, end: End) -> None:
        self._process = process
        self._connections = connections
        self._store = store
        self._end = end

    async def run(self) -> None:
        """Look again and again; to be canceled."""
        while True:
            pause = TOUCH_SECONDS
            try:
                await self.look()
            except Unavailable as error:
                log.warning("tunnel.database_unavailable", cause=error.cause, consequence="it is tried again")
                pause = RETRY_SECONDS
            except Exception:
                # a session that is not seen any more would end
                log.exception("tunnel.presence_failed")
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Look once.

        Raises:
            Unavailable: the database is unavailable.
        """
        held = {each.id: each for each in self._connections}
        if not held:
            return
        seen = await self._store.touch(self._process, {each.id: each.epoch for each in held.values()})
        lost = [each for session, each in held.items() if session not in seen]
        reasons = await self._store.end_reasons([each.id for each in lost]) if lost else {}
        for each in lost:
            if each.id in reasons:
                each.end(reasons[each.id])
            else:
                each.replace()
        for session in seen:
            await self._check_key(session)

    async def _check_key(self, session: ListenSessionId) -> None:
        connection = self._connections.get(session)
        if connection is None:
            return
        try:
            await connection.check_allowed()
        except NotFound:
            reason = EndReason.ACCOUNT_DELETED
        except CallerError:
            reason = EndReason.KEY_REVOKED
        except FluxError:
            return
        else:
            return
        await self._end(connection.target.account, session, reason)
