"""The tunnel's end at one process of the API: what its parts are, and how it begins and stops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.listen_session import Ended
from flux_dispatch.store.tunnel import TunnelStore
from flux_dispatch.tunnel import socket
from flux_dispatch.tunnel.carrier import Carrier
from flux_dispatch.tunnel.connections import Connections
from flux_dispatch.tunnel.exchange import Exchange
from flux_dispatch.tunnel.inbound import Inbound
from flux_dispatch.tunnel.limits import Limits
from flux_dispatch.tunnel.presence import End, Presence
from flux_dispatch.tunnel.socket import CommandSocket
from flux_dispatch.tunnel.targets import Targets

MARGIN_SECONDS: Final = 2.0
"""How much longer an answer is waited for than an attempt takes: the sender gives up first, and knows why."""


@dataclass(frozen=True, slots=True)
class TunnelLimits:
    """What an operator decides: how long an attempt may take, and at which host no URL of a session is."""

    delivery_timeout_seconds: float
    not_at: str | None


class Tunnel:
    """Joins what comes in and what is connected.

    Args:
        carrier: the way to the other processes.
        store: who is connected.
        resume: has attempted what did not get through.
        limits: the operator's decisions.
    """

    def __init__(self, carrier: Carrier, store: TunnelStore, resume: socket.Resume, limits: TunnelLimits) -> None:
        self._carrier = carrier
        self._store = store
        self.connections = Connections()
        shared, answer_seconds = Limits(), limits.delivery_timeout_seconds + MARGIN_SECONDS
        self._exchange = Exchange(self.connections, carrier, shared, answer_seconds)
        self._inbound = Inbound(Targets(self.connections, store), self._exchange, shared, not_at=limits.not_at)
        self._socket = CommandSocket(store, self.connections, self._exchange, carrier, resume)

    def start(self, end: End) -> None:
        """Begin to carry, and to say which sessions are seen."""
        self._carrier.start(self._exchange)
        presence = Presence(self._carrier.process, self.connections, self._store, end)
        self._looking = asyncio.create_task(presence.run())

    def end(self, ended: Ended) -> None:
        """Tell the command that its session is over, wherever it is connected; never waits, never fails."""
        self._exchange.end(ended)

    async def serve_inbound(self, request: web.Request) -> web.StreamResponse:
        """Answer what was sent to the URL of a session."""
        return await self._inbound.handle(request)

    async def serve_command(
        self, request: web.Request, account: AccountId, check_allowed: Callable[[], Awaitable[None]]
    ) -> web.StreamResponse:
        """Serve a command until it is gone."""
        return await self._socket.handle(request, account, check_allowed)

    def stop(self) -> None:
        """Send the commands elsewhere, because this process ends."""
        for each in self.connections:
            each.stop()

    async def close(self) -> None:
        """Stop carrying, when no command is connected any more."""
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking
        await self._carrier.close()
