"""/dashboard/operations: how all of it runs, for operators: throughput, backlog, and whether its parts work."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from flux_dispatch import __version__
from flux_dispatch.dashboard.admission import page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.traffic import attempts_chart
from flux_dispatch.dashboard.view import render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.statistics import BUCKET, total

routes = web.RouteTableDef()

OPEN_STATES: Final[Mapping[State, str]] = {
    State.PENDING: "the first attempt is due, or waits for its turn",
    State.SENDING: "a worker is at it",
    State.SCHEDULED: "another attempt follows",
    State.EXHAUSTED: "no attempt is left, and its end is being written",
}
"""The states of deliveries that are open, and what each means."""

MOST_COUNTED: Final = 20_000
"""How many of them: the page is asked for every few seconds, and whether a backlog is large shows before that."""


@routes.get("/operations")
@page(Scope.READ, is_for_operators=True)
async def show_operations(request: web.Request) -> web.Response:
    """Show how everything runs."""
    dependencies = request.app[DEPENDENCIES]
    queries = dependencies.operations_queries
    buckets = await queries.throughput()
    return render(
        request,
        "operations.html",
        now=datetime.now(UTC),
        sum=total([counts for _, counts in buckets]),
        chart=attempts_chart("Attempts in the last hour", BUCKET, buckets),
        backlog=await queries.backlog(MOST_COUNTED),
        states=OPEN_STATES,
        oldest=await queries.oldest_due(),
        answering=dependencies.workers(),
        readiness=await dependencies.check_readiness(),
        alert_channels=await queries.alert_channels(),
        flower_url=dependencies.flower_url,
        release=__version__,
    )
