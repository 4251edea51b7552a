"""/dashboard/…/event-types: the catalogue of an account, by group."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.event_type_picker import MAX_LISTED, every_type, group_of
from flux_dispatch.dashboard.view import render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event_type import EventType

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class Listed:
    """The types of one group, by their names."""

    group: str
    types: Sequence[EventType]


@routes.get("/{account}/event-types")
@page(Scope.READ)
async def list_event_types(request: web.Request) -> web.Response:
    """List the catalogue."""
    found = await every_type(request.app[DEPENDENCIES].event_type_queries, request[ACCOUNT].id)
    live = sorted((each for each in found if each.archived_at is None), key=lambda each: (group_of(each), each.name))
    return render(
        request,
        "event_types.html",
        groups=[Listed(group, list(types)) for group, types in groupby(live, key=group_of)],
        archived=sorted((each for each in found if each.archived_at is not None), key=lambda each: each.name),
        count=len(live),
        is_cut=len(found) >= MAX_LISTED,
    )
