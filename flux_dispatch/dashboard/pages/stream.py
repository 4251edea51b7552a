"""/dashboard/…/stream: what open pages are told as it happens, as Server-Sent Events."""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.cookies import session_token
from flux_dispatch.dashboard.live_feed import LIVE_FEED
from flux_dispatch.dashboard.live_topics import MAX_NAMED, Kind, Topic
from flux_dispatch.dashboard.live_watcher import Watcher
from flux_dispatch.dashboard.middleware import framed_by
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import Prefix, parse_id
from flux_dispatch.web.policy import page_headers

routes = web.RouteTableDef()

RETRY_MILLISECONDS: Final = 2000
"""How long a browser waits before it comes again."""

RETRY_AFTER_SECONDS: Final = 30
"""When who found too many others may come again."""

WRITE_SECONDS: Final = 10
"""How long a reader may keep a message waiting, before it is let go."""

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


@routes.get("/{account}/stream")
@page(Scope.READ, stays_open=True)
async def stream(request: web.Request) -> web.StreamResponse:
    """Tell what becomes of an account's newest events, or of the events or the delivery that are named."""
    feed = request.app[LIVE_FEED]
    headers = _HEADERS | page_headers(framed_by(request))
    if request.method == hdrs.METH_HEAD:
        return web.Response(headers=headers)
    watcher = feed.watch(
        _topic(request),
        session_token(request) or "",
        lambda: request.transport is None,
        request.headers.get("Last-Event-ID"),
    )
    if watcher is None:
        return web.Response(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            text="Too many pages are open at once. This one goes on without news; reload it to see them.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    response = web.StreamResponse(headers=headers)
    try:
        await response.prepare(request)
        await _send(response, watcher)
    except (ConnectionError, TimeoutError):
        pass  # it comes again, if it can
    finally:
        feed.leave(watcher)
    # an end that nobody reads would be waited for
    if request.transport is not None and request.transport.get_write_buffer_size():
        request.transport.abort()
    return response


async def _send(response: web.StreamResponse, watcher: Watcher) -> None:
    await response.write(b"retry: %d\n\n" % RETRY_MILLISECONDS)
    async for message in watcher.messages():
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(message)


def _topic(request: web.Request) -> Topic:
    """Return what is asked for; of what is another account's, nothing is ever told.

    Raises:
        InvalidRequest: an id cannot be one, or there are too many.
    """
    account, query = request[ACCOUNT].id, request.query
    if delivery := query.get("delivery"):
        return Topic(Kind.DELIVERY, account, _ids(Prefix.DELIVERY, delivery))
    if event := query.get("event"):
        return Topic(Kind.EVENT, account, _ids(Prefix.EVENT, event))
    if events := query.get("events"):
        return Topic(Kind.EVENTS, account, _ids(Prefix.EVENT, *events.split(",")))
    return Topic(Kind.NEWEST, account)


def _ids(prefix: Prefix, *texts: str) -> tuple[str, ...]:
    if len(texts) > MAX_NAMED:
        raise InvalidRequest(f"A page watches up to {MAX_NAMED} events.", param="events")
    for each in texts:
        parse_id(prefix, each)
    return tuple(sorted(set(texts)))
