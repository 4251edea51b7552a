"""The API as one aiohttp application."""

from aiohttp import web

from flux_dispatch.api import health
from flux_dispatch.api.auth import AUTHENTICATOR, Authenticator
from flux_dispatch.api.dependencies import DEPENDENCIES, Dependencies
from flux_dispatch.api.middleware import make_middleware
from flux_dispatch.api.rate_limit import RATE_LIMIT, RateLimit
from flux_dispatch.api.routes import ROUTES


def make_app(dependencies: Dependencies) -> web.Application:
    """Return the application; whoever runs it owns the dependencies."""
    authenticator = Authenticator(dependencies)
    rate_limit = RateLimit(dependencies.counter)
    app = web.Application(
        middlewares=[make_middleware(authenticator, rate_limit)], client_max_size=dependencies.max_body_bytes
    )
    app[DEPENDENCIES] = dependencies
    app[AUTHENTICATOR] = authenticator
    app[RATE_LIMIT] = rate_limit

    async def close(_: web.Application) -> None:
        await authenticator.close()

    app.on_cleanup.append(close)
    app.add_routes(health.routes)
    for routes in ROUTES:
        app.add_routes(routes)
    return app
