"""/v1/listen/{id}/socket: where a command connects for its session, by a WebSocket."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol

import structlog
from aiohttp import web

from flux_dispatch.domain.errors import InvalidRequest, MalformedId, NotFound, Unavailable
from flux_dispatch.domain.ids import AccountId, ListenSessionId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.listen_session import Connected
from flux_dispatch.tunnel.carrier import Carrier
from flux_dispatch.tunnel.connection import FLUSH_SECONDS, Connection
from flux_dispatch.tunnel.connections import Connections
from flux_dispatch.tunnel.exchange import Exchange
from flux_dispatch.tunnel.frames import INSTANCE_HEADER, MAX_MESSAGE_BYTES, PING_SECONDS, SUBPROTOCOL

PATH: Final = "/v1/listen/{id}/socket"

log = structlog.get_logger("flux.tunnel")


class Store(Protocol):
    """What is needed of the database."""

    async def connect(self, account: AccountId, session: ListenSessionId, instance: str, process: str) -> Connected:
        """Let a run of the command in, through this process."""
        ...

    async def disconnect(self, session: ListenSessionId, epoch: int, process: str) -> None:
        """Say that no command is connected any more, unless it is again."""
        ...


class Resume(Protocol):
    """What is to be attempted again."""

    async def __call__(self, account: AccountId, webhook: WebhookId, connected_at: datetime) -> None:
        """Have attempted what did not get through; to be canceled when the command is gone again."""
        ...


class CommandSocket:
    """Lets commands in.

    Args:
        store: keeps who is connected.
        connections: those of this process.
        exchange: tells the process that held the connection before.
        carrier: tells all others that this one does now.
        resume: has attempted what did not get through.
    """

    def __init__(
        self, store: Store, connections: Connections, exchange: Exchange, carrier: Carrier, resume: Resume
    ) -> None:
        self._store = store
        self._connections = connections
        self._exchange = exchange
        self._carrier = carrier
        self._resume = resume

    async def handle(
        self, request: web.Request, account: AccountId, check_allowed: Callable[[], Awaitable[None]]
    ) -> web.StreamResponse:
        """Serve a command until it is gone.

        Args:
            request: asks to be made a WebSocket.
            account: whose key it came with.
            check_allowed: raises what is wrong with that key, if anything is by now.

        Raises:
            NotFound: the account has no such session, or (InvalidRequest, 410) it is over.
            InvalidRequest: 409, another command is connected; 400 or 426, this is none.
        """
        session, instance = _session(request), _instance(request)
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            heartbeat=PING_SECONDS,
            max_msg_size=MAX_MESSAGE_BYTES,
            compress=False,
            timeout=FLUSH_SECONDS,
        )
        if not socket.can_prepare(request):
            message = "This is where flux listen connects: by a WebSocket, and by nothing else."
            raise InvalidRequest(message, code="upgrade_required", status=HTTPStatus.UPGRADE_REQUIRED)
        connected = await self._store.connect(account, session, instance, self._carrier.process)
        try:
            await socket.prepare(request)
            connection = Connection(connected, socket, abort=_abort(request), check_allowed=check_allowed)
            await self._serve(connection, connected)
        finally:
            with suppress(Unavailable):
                await asyncio.shield(self._store.disconnect(session, connected.epoch, self._carrier.process))
        return socket

    async def _serve(self, connection: Connection, connected: Connected) -> None:
        self._connections.add(connection)
        self._carrier.hold(connection.id, connection.epoch)
        if connected.before is not None:
            self._exchange.tell_replaced(connection.id, connection.epoch, connected.before)
        target = connection.target
        resuming = asyncio.create_task(self._resume(target.account, target.webhook, connected.connected_at))
        log.info("tunnel.connected", session=connection.id, epoch=connection.epoch)
        try:
            await connection.run()
        finally:
            # first of all: a connection that stays in here would be said to be seen for ever
            self._connections.remove(connection)
            await self._carrier.let_go(connection.id, connection.epoch)
            await _end(resuming)
            log.info("tunnel.disconnected", session=connection.id, epoch=connection.epoch)


async def _end(resuming: "asyncio.Task[None]") -> None:
    resuming.cancel()
    try:
        await resuming
    except asyncio.CancelledError:
        return
    except Exception:
        # it is the command's connection that counts
        log.exception("resume.failed", consequence="what did not get through comes with its next attempt")


def _session(request: web.Request) -> ListenSessionId:
    text = request.match_info["id"]
    try:
        parse_id(Prefix.LISTEN_SESSION, text)
    except MalformedId as error:
        raise NotFound(error.message) from None
    return ListenSessionId(text)


def _instance(request: web.Request) -> str:
    instance = request.headers.get(INSTANCE_HEADER, "")
    if _INSTANCE.fullmatch(instance) is None:
        message = f"{INSTANCE_HEADER} names this run of the command, with 32 hex digits that it made by chance."
        raise InvalidRequest(message, param=INSTANCE_HEADER, status=HTTPStatus.BAD_REQUEST)
    offered = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if SUBPROTOCOL not in offered:
        message = f"The WebSocket speaks {SUBPROTOCOL}, which was not offered. Does this flux command fit this server?"
        raise InvalidRequest(message, param="Sec-WebSocket-Protocol", status=HTTPStatus.BAD_REQUEST)
    return instance


def _abort(request: web.Request) -> Callable[[], None]:
    def abort() -> None:
        if request.transport is not None:
            request.transport.abort()

    return abort


_INSTANCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
