"""/dashboard/…/webhooks: the webhooks of an account, how each did lately, and what failed last."""

from aiohttp import web

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.view import render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import Prefix
from flux_dispatch.domain.statistics import Period, total
from flux_dispatch.domain.webhook import Status
from flux_dispatch.web.charts.sparkline import sparkline

routes = web.RouteTableDef()

MAX_SEARCH_LENGTH = 200


@routes.get("/{account}/webhooks")
@page(Scope.READ)
async def list_webhooks(request: web.Request) -> web.Response:
    """List webhooks, the newest first."""
    account, dependencies = request[ACCOUNT].id, request.app[DEPENDENCIES]
    filters = _filters(request)
    found = await dependencies.webhook_queries.page(account, paging.page_at(request, [Prefix.WEBHOOK]), filters)
    webhooks = found[: paging.ROWS]
    ids = [each.id for each in webhooks]
    lately = await dependencies.statistics_queries.of_webhooks(account, ids, Period.DAY) if ids else {}
    failures = await dependencies.webhook_queries.last_failures(account, ids) if ids else {}
    rows = [
        {
            "webhook": each,
            "counts": total([counts for _, counts in lately.get(each.id, [])]),
            "line": sparkline([counts.success_rate for _, counts in lately.get(each.id, [])], "Success, hour by hour"),
            "failure": failures.get(each.id),
        }
        for each in webhooks
    ]
    return render(
        request,
        "webhooks.html",
        rows=rows,
        filters=filters,
        statuses=list(Status),
        older=paging.older(request, len(found), [webhooks[-1].id] if webhooks else []),
        newest=paging.newest(request),
    )


def _filters(request: web.Request) -> dict[str, str]:
    status, search = request.query.get("status", ""), request.query.get("search", "").strip()[:MAX_SEARCH_LENGTH]
    given = {"status": status if status in set(Status) else "", "search": search.replace("\0", "")}
    return {name: value for name, value in given.items() if value}
