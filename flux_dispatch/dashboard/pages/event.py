"""/dashboard/…/events/{id}: one event: what it says, to whom it went, and sending it again."""

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Row

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.curl import publishing
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.excerpt import payload_excerpt
from flux_dispatch.dashboard.paths import id_in_path
from flux_dispatch.dashboard.refusals import resend_refused
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.event import data_in
from flux_dispatch.domain.ids import EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.webhook import Status
from flux_dispatch.store.live import event_from_row
from flux_dispatch.store.pages import Page

routes = web.RouteTableDef()

MAX_OFFERED: Final = 100
"""How many webhooks can be chosen to resend to; the others are found by their deliveries."""

MAX_IN_COMMAND: Final = 8192
"""In characters: larger data is no longer handy in a command."""


@routes.get("/{account}/events/{event}")
@page(Scope.READ)
async def show_event(request: web.Request) -> web.Response:
    """Show an event and its deliveries."""
    return await _event_page(request)


@routes.get("/{account}/events/{event}/payload")
@page(Scope.READ)
async def get_payload(request: web.Request) -> web.Response:
    """Answer the exact bytes that are signed and sent."""
    row = await _row(request)
    return web.Response(body=row.body, content_type="application/json", headers={"Cache-Control": "no-store"})


@routes.post("/{account}/events/{event}/resend")
@page(Scope.EVENTS_WRITE)
async def resend_event(request: web.Request) -> web.Response:
    """Send it again: to all that want it now, or to the webhook that is chosen."""
    event = EventId(id_in_path(request, "event", Prefix.EVENT))
    form = await request.post()
    named = str(form.get("webhook", "")).strip()
    try:
        if named:
            parse_id(Prefix.WEBHOOK, named)
        resent = await request.app[DEPENDENCIES].resend(request[ACCOUNT].id, event, WebhookId(named) if named else None)
    except InvalidRequest as error:
        return await _event_page(request, resend_refused(error))
    back = f"deliveries/{resent[0]}" if form.get("back") == "delivery" else f"events/{event}"
    return go_to(request, back, done="event_resent")


async def _event_page(request: web.Request, error: InvalidRequest | None = None) -> web.Response:
    row = await _row(request)
    event = event_from_row(row)
    data = data_in(row.body).text
    return render(
        request,
        "event.html",
        status=error.status if error else HTTPStatus.OK,
        event=event,
        trace_url=request.app[DEPENDENCIES].trace_links.link_to(event.id),
        size_bytes=len(row.body),
        payload=payload_excerpt(row.body),
        curl=publishing(request, row.type, data) if len(data) <= MAX_IN_COMMAND else "",
        webhooks=await _webhooks(request),
        error=error,
        **await _deliveries(request, event.id),
    )


async def _row(request: web.Request) -> Row[Any]:
    """Return the event that the path names.

    Raises:
        NotFound: the account has no such event.
    """
    event = EventId(id_in_path(request, "event", Prefix.EVENT))
    found = await request.app[DEPENDENCIES].event_queries.get(request[ACCOUNT].id, event)
    if found is None:
        raise NotFound("There is no such event: it is another account's, or older than events are kept.")
    return found


async def _webhooks(request: web.Request) -> list[tuple[str, str]]:
    """Return the ids and names of those that the event may be sent to."""
    queries = request.app[DEPENDENCIES].webhook_queries
    found = await queries.page(request[ACCOUNT].id, Page(MAX_OFFERED), {"status": Status.ENABLED.value})
    return [(each.id, each.description or each.url) for each in found]


async def _deliveries(request: web.Request, event: EventId) -> dict[str, Any]:
    page = paging.page_at(request, [Prefix.EVENT, Prefix.DELIVERY])
    filters = {"event": parse_id(Prefix.EVENT, event)}
    found = await request.app[DEPENDENCIES].delivery_queries.page(request[ACCOUNT].id, page, filters)
    rows = found[: paging.ROWS]
    last = [event, format_id(Prefix.DELIVERY, rows[-1].id.hex)] if rows else []
    return {
        "deliveries": [(format_id(Prefix.DELIVERY, each.id.hex), each) for each in rows],
        "older": paging.older(request, len(found), last),
        "newest": paging.newest(request),
    }
