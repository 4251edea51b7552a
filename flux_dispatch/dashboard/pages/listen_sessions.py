"""/dashboard/…/listen: who receives on their own machine now, and at which temporary URL; each can be ended."""

from aiohttp import web

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import id_in_path
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.ids import ListenSessionId, Prefix

routes = web.RouteTableDef()


@routes.get("/{account}/listen")
@page(Scope.READ, is_for_customers=False)
async def list_listen_sessions(request: web.Request) -> web.Response:
    """List sessions that have not ended, the newest first."""
    at = paging.page_at(request, [Prefix.LISTEN_SESSION])
    found = await request.app[DEPENDENCIES].listen_session_queries.page(request[ACCOUNT].id, at)
    sessions = found[: paging.ROWS]
    return render(
        request,
        "listen_sessions.html",
        sessions=sessions,
        older=paging.older(request, len(found), [sessions[-1].id] if sessions else []),
        newest=paging.newest(request),
    )


@routes.post("/{account}/listen/{session}/end")
@page(Scope.WEBHOOKS_WRITE, is_for_customers=False)
async def end_listen_session(request: web.Request) -> web.Response:
    """End a session."""
    session = ListenSessionId(id_in_path(request, "session", Prefix.LISTEN_SESSION))
    await request.app[DEPENDENCIES].listen_sessions.end(request[ACCOUNT].id, session)
    return go_to(request, "listen", done="listen_ended")
