"""/dashboard/…/events: the events of an account, what became of each, and new ones as they come."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.curl import publishing
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.event_filters import EventFilters, event_filters
from flux_dispatch.dashboard.event_type_picker import every_type
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest, QueryTooSlow
from flux_dispatch.domain.ids import Prefix
from flux_dispatch.domain.progress import EventProgress
from flux_dispatch.store.events import EVENT_STATUSES
from flux_dispatch.store.live import event_from_row

routes = web.RouteTableDef()

_FIRST: Final = ("order.completed", '{"order":"ord_1001","amount":4999,"currency":"EUR"}')
"""Type and data of the event that a newcomer publishes."""


@routes.get("/{account}/events")
@page(Scope.READ)
async def list_events(request: web.Request) -> web.Response:
    """List events, the newest first; an id that is searched for leads to its page."""
    filters = event_filters(request)
    try:
        if place := filters.place():
            return go_to(request, place)
        found = await _found(request, filters)
    except InvalidRequest as error:
        return await _list_page(request, filters, [], error)
    return await _list_page(request, filters, found)


async def _found(request: web.Request, filters: EventFilters) -> list[EventProgress]:
    """Return the rows of the page, and one more if there is one."""
    page = paging.page_at(request, [Prefix.EVENT])
    queries = request.app[DEPENDENCIES].event_queries
    try:
        rows = await queries.page(request[ACCOUNT].id, page, filters.wanted())
    except QueryTooSlow:
        message = (
            "This takes too long to find. Narrow it: give a time after or before which it happened, or leave out the "
            "type or the status."
        )
        raise InvalidRequest(message, status=HTTPStatus.BAD_REQUEST) from None
    return [event_from_row(each) for each in rows]


async def _list_page(
    request: web.Request, filters: EventFilters, found: list[EventProgress], error: InvalidRequest | None = None
) -> web.Response:
    rows = found[: paging.ROWS]
    newest = paging.newest(request)
    is_narrowed = bool(filters.given or newest or filters.id)
    types = await every_type(request.app[DEPENDENCIES].event_type_queries, request[ACCOUNT].id)
    return render(
        request,
        "events.html",
        status=error.status if error else HTTPStatus.OK,
        rows=rows,
        filters=filters.given,
        asked_id=filters.id,
        types=sorted(each.name for each in types if each.archived_at is None),
        statuses=EVENT_STATUSES,
        error=error,
        is_narrowed=is_narrowed,
        first_curl=publishing(request, *_FIRST),
        older=paging.older(request, len(found), [rows[-1].id] if rows else []),
        newest=newest,
        **_live(rows, is_narrowed=is_narrowed),
    )


def _live(rows: list[EventProgress], *, is_narrowed: bool) -> dict[str, Any]:
    """Return what the page watches: all that is new, or where it does not belong there, what is still open."""
    if not is_narrowed:
        return {"stream": "stream", "takes_new": True}
    still_open = [each.id for each in rows if each.open]
    query = urlencode({"events": ",".join(still_open)}, safe=",")
    return {"stream": f"stream?{query}" if still_open else "", "takes_new": False}
