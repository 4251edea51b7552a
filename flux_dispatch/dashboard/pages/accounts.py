"""/dashboard/accounts: the accounts of the platform, for operators: to find one, and to look at what is its own."""

from aiohttp import web

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.view import render
from flux_dispatch.domain.account import MAX_EXTERNAL_ID_LENGTH
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import Prefix

routes = web.RouteTableDef()


@routes.get("/accounts")
@page(Scope.READ, is_for_operators=True)
async def list_accounts(request: web.Request) -> web.Response:
    """List accounts, the newest first."""
    search = request.query.get("search", "").strip()[:MAX_EXTERNAL_ID_LENGTH]
    queries = request.app[DEPENDENCIES].operations_queries
    found = await queries.accounts(paging.page_at(request, [Prefix.ACCOUNT]), search)
    rows = found[: paging.ROWS]
    return render(
        request,
        "accounts.html",
        accounts=rows,
        search=search,
        max_search=MAX_EXTERNAL_ID_LENGTH,
        older=paging.older(request, len(found), [rows[-1].id] if rows else []),
        newest=paging.newest(request),
    )
