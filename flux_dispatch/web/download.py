"""Answers a file in pieces, as they are made: however large it is, one piece at a time is held."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Final

import structlog
from aiohttp import web

WRITE_SECONDS: Final = 60
"""How long a reader may keep a piece waiting, before it is let go."""

log = structlog.get_logger("flux.web")


async def send_pieces(
    request: web.Request, pieces: AsyncIterator[bytes], headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer these pieces; the first is made before the answer begins, so that what goes wrong until then is told.

    What goes wrong later cuts the answer off, and the client knows that it is not whole. In HTTP/1.0, which proxies
    speak, too, an answer without a length is over when the connection is closed; so until all is sent, closing it
    resets it, also where the process is killed.

    Raises:
        Exception: whatever making the first piece raises.
    """
    first = await anext(pieces)
    response = web.StreamResponse(headers=headers)
    try:
        await response.prepare(request)
        _close_by(request, _RESET)
        await _write(response, first)
        async for piece in pieces:
            await _write(response, piece)
        await response.write_eof()
        _close_by(request, _END)
    except (ConnectionError, TimeoutError) as error:
        log.info("download.cut_off", path=request.path, cause=type(error).__name__)
        _cut_off(request)
    except Exception:
        log.exception("download.failed", path=request.path)
        _cut_off(request)
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(piece)


def _close_by(request: web.Request, linger: bytes) -> None:
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


# SO_LINGER, as socket(7) has it: whether, and for how many seconds; for none, what is not sent is dropped
_RESET: Final = struct.pack("ii", 1, 0)
_END: Final = struct.pack("ii", 0, 0)
