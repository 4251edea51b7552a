"""The API as one aiohttp application."""

from aiohttp import web

from flux_dispatch.api import health
from flux_dispatch.api.dependencies import DEPENDENCIES, Dependencies
from flux_dispatch.api.middleware import make_middleware
from flux_dispatch.api.routes import ROUTES


def make_app(dependencies: Dependencies) -> web.Application:
    """Return the application; whoever runs it owns the dependencies."""
    app = web.Application(middlewares=[make_middleware(dependencies)], client_max_size=dependencies.max_body_bytes)
    app[DEPENDENCIES] = dependencies
    app.add_routes(health.routes)
    for routes in ROUTES:
        app.add_routes(routes)
    return app
