"""The dashboard as an application of its own, below /dashboard."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.admission import needs_of
from flux_dispatch.dashboard.dependencies import DEPENDENCIES, Dependencies
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.live_feed import LIVE_FEED, LiveFeed
from flux_dispatch.dashboard.middleware import make_middlewares
from flux_dispatch.dashboard.pages import PAGES
from flux_dispatch.dashboard.refused_sign_ins import REFUSED_SIGN_INS, RefusedSignIns

entrance: Final = web.RouteTableDef()
"""The routes outside: who comes to the server's root is led to the dashboard."""


def make_dashboard(dependencies: Dependencies, pages: Sequence[web.RouteTableDef] = PAGES) -> web.Application:
    """Return the application that stands below /dashboard; whoever runs it owns the dependencies.

    Raises:
        TypeError: a handler does not say who may see its page.
    """
    app = web.Application(middlewares=make_middlewares(), client_max_size=dependencies.max_form_bytes)
    app[DEPENDENCIES] = dependencies
    for routes in pages:
        for route in routes:
            if isinstance(route, web.RouteDef) and needs_of(route.handler) is None:
                raise TypeError(f"{route.handler.__name__} does not say who may see it: mark it as a page")
        app.add_routes(routes)
    _add_feed(app, LiveFeed(dependencies.live_queries, dependencies.sessions))
    _add_refused_sign_ins(app, RefusedSignIns(dependencies.audit_log.note_refusal))
    return app


def _add_refused_sign_ins(app: web.Application, refused: RefusedSignIns) -> None:
    async def close(_: web.Application) -> None:
        await refused.close()

    app[REFUSED_SIGN_INS] = refused
    app.on_cleanup.append(close)


def _add_feed(app: web.Application, feed: LiveFeed) -> None:
    async def end_streams(_: web.Application) -> None:
        await feed.end_all()

    async def close(_: web.Application) -> None:
        await feed.close()

    app[LIVE_FEED] = feed
    app.on_shutdown.append(end_streams)
    app.on_cleanup.append(close)


@entrance.get("/")
@entrance.get(ROOT)
async def enter(_: web.Request) -> web.Response:
    """Lead to the dashboard."""
    return web.Response(status=303, headers={"Location": f"{ROOT}/"})
