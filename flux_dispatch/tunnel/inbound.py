"""/in/{token}: whatever anyone sends there goes to the command of the session, and its answer comes back."""

import asyncio
import hmac
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from aiohttp import web

from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.listen_session import (
    ListenerNotConnected,
    ListenerTimedOut,
    LocalServerFailed,
    SessionEnded,
    TunnelTarget,
)
from flux_dispatch.domain.signing import sign_flux
from flux_dispatch.domain.url import RELAYED
from flux_dispatch.tunnel.exchange import Exchange
from flux_dispatch.tunnel.frames import MAX_BODY_BYTES, Answer, Failed, Request
from flux_dispatch.tunnel.headers import for_the_command, for_the_sender
from flux_dispatch.tunnel.limits import Limits, Place
from flux_dispatch.tunnel.targets import Targets
from flux_dispatch.web.request_id import REQUEST_ID

BODY_SECONDS: Final = 10
"""How long a body may take to arrive."""

ANSWER_SECONDS: Final = 60
"""How long a sender may take to read its answer."""

FITS: Final = 65_536
"""An answer of so many bytes is taken by the buffers, so nobody waits for its reader."""

PATH: Final = RELAYED + "{token}{suffix:(/.*)?}"

DELIVERY: Final = "Flux-Delivery"

_OVER: Final = "The listen session that this was for is over."
_NOT_FORWARDED: Final = frozenset({"CONNECT", "TRACE"})


class _HungUp(Exception):
    """The sender has gone, or does not read its answer."""


class Inbound:
    """Serves the public URLs of sessions.

    Args:
        targets: find sessions by their tokens.
        exchange: asks their commands.
        limits: how much may come.
        not_at: a host that URLs of sessions are not at, because the operator gave them another one.
    """

    def __init__(self, targets: Targets, exchange: Exchange, limits: Limits, *, not_at: str | None = None) -> None:
        self._targets = targets
        self._exchange = exchange
        self._not_at = not_at
        self._limits = limits

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request with what the command answers.

        Raises:
            NotFound: there is no such session, or (SessionEnded) it is over.
            InvalidRequest: 405, 408, 413: what came is not forwarded.
            RateLimited: too much comes.
            ListenerError: the command, or the local server behind it, did not answer.
        """
        try:
            return await self._forward(request, request.match_info["token"])
        except SessionEnded:
            if DELIVERY not in request.headers:
                raise
            # a 410 would have its delivery fail, for Flux takes that webhook for gone; it is canceled with the session
            raise ListenerNotConnected(_OVER) from None

    async def _forward(self, request: web.Request, token: str) -> web.StreamResponse:
        _check_forwarded(request, self._not_at)
        target = await self._targets.get(token)
        with self._limits.place(target.id) as place:
            body = await _read(request, place)
            delivery = _delivery(request, target, body)
            if delivery is None:
                self._limits.count(target.id)
            asked = _request(request, token, body, delivery)
            check_open = partial(self._targets.check_open, token)
            try:
                async with self._exchange.answer_to(target.id, asked, check_open) as answer:
                    return await _respond(request, _response(answer, delivery))
            except _HungUp:
                return web.Response()


def _check_forwarded(request: web.Request, not_at: str | None) -> None:
    """Pass what may go through the tunnel at all.

    Raises:
        NotFound: there is nothing at this host, or nothing for a page of it.
        InvalidRequest: the method is one that proxies keep.
    """
    if not_at is not None and request.host.lower() == not_at:
        raise NotFound("There is nothing at this URL: listen sessions are at another host.")
    if request.method in _NOT_FORWARDED:
        message = f"{request.method} does not go through the tunnel."
        raise InvalidRequest(message, code="method_not_allowed", status=HTTPStatus.METHOD_NOT_ALLOWED)
    fetched_by, mode = request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode")
    if fetched_by == "same-origin" and mode != "navigate":
        # no page of ours does; one that was made to would run, as its own, a script that a customer serves
        raise NotFound("There is nothing at this URL for a page of the same host.")


async def _read(request: web.Request, place: Place) -> bytes:
    """Return the body as it came.

    Raises:
        InvalidRequest: it is too large, came too slowly, or broke off.
        RateLimited: too much waits already.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        if request.content.is_eof():  # it came with its head, as nearly every body does
            return await _read_all(request, place)
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_all(request, place)
    except TimeoutError:
        message = f"The body did not arrive within {BODY_SECONDS} seconds."
        raise InvalidRequest(message, code="body_too_slow", status=HTTPStatus.REQUEST_TIMEOUT) from None
    except (web.RequestPayloadError, ConnectionError):
        message = "The body ended before it was complete."
        raise InvalidRequest(message, code="bad_request", status=HTTPStatus.BAD_REQUEST) from None


async def _read_all(request: web.Request, place: Place) -> bytes:
    pieces: list[bytes] = []
    async for piece in request.content.iter_any():
        place.add(len(piece))
        if not place.has_room:
            raise _too_large()
        pieces.append(piece)
    return b"".join(pieces)


def _too_large() -> InvalidRequest:
    message = f"A body that goes through the tunnel has at most {MAX_BODY_BYTES} bytes."
    return InvalidRequest(message, code="body_too_large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _delivery(request: web.Request, target: TunnelTarget, body: bytes) -> str | None:
    """Return the delivery that this is an attempt of, if its signature proves that Flux sent it.

    Strangers know the URL: what they say of a delivery must not have the command take the true one for a repeat.
    """
    named, signature = request.headers.get(DELIVERY, ""), request.headers.get("flux-signature", "")
    if _DELIVERY.fullmatch(named) is None:
        return None
    return named if _is_signed(signature, target.secrets, body) else None


def _is_signed(signature: str, secrets: Sequence[str], body: bytes) -> bool:
    timestamp, *_ = signature.partition(",")
    if _TIMESTAMP.fullmatch(timestamp) is None:
        return False
    expected = sign_flux(secrets, int(timestamp.removeprefix("t=")), body)
    return bool(secrets) and hmac.compare_digest(signature.encode(errors="replace"), expected.encode())


def _request(request: web.Request, token: str, body: bytes, delivery: str | None) -> Request:
    path, _, query = _target(request).partition("?")
    return Request(
        id=uuid.uuid4().hex,
        method=request.method,
        path=path.removeprefix(RELAYED + token),
        query=query,
        headers=for_the_command(request.raw_headers),
        delivery=delivery,
        received_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        body=body,
    )


def _target(request: web.Request) -> str:
    """Return path and query as they were written.

    Raises:
        NotFound: they are written in a way that does not begin with the URL of the session.
    """
    written = request.raw_path
    if absolute := _ABSOLUTE.match(written):
        written = written[absolute.end() :]
    if not written.startswith(RELAYED + request.match_info["token"]):
        raise NotFound("There is nothing at this URL: write it as it was given.")
    return written


def _response(answer: Answer | Failed, delivery: str | None) -> web.Response:
    if isinstance(answer, Failed):
        raise _failed(answer, delivery)
    headers = for_the_sender(answer.headers)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _failed(answer: Failed, delivery: str | None) -> Exception:
    """Return the error for a local server that did not answer; strangers are not told what its machine said."""
    code = answer.code if _CODE.fullmatch(answer.code) else "failed"
    words = f" {answer.message[:300]}" if delivery is not None else ""
    if code == "timeout":
        return ListenerTimedOut(f"The local server behind this URL did not answer in time (timeout).{words}")
    return LocalServerFailed(f"The local server behind this URL could not be asked ({code}).{words}")


async def _respond(request: web.Request, response: web.Response) -> web.Response:
    """Send the answer, so that it is known when it is on its way."""
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    fits = isinstance(response.body, bytes) and len(response.body) <= FITS
    try:
        async with asyncio.timeout(None if fits else ANSWER_SECONDS):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise _HungUp from None
    except ConnectionError:
        raise _HungUp from None
    return response


_DELIVERY: Final = re.compile(r"dlv_[0-9a-f]{32}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"t=[0-9]{1,12}", re.ASCII)
_CODE: Final = re.compile(r"[a-z_]{1,40}", re.ASCII)
_ABSOLUTE: Final = re.compile(r"https?://[^/?#]*", re.ASCII | re.IGNORECASE)
