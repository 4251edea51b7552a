"""The API as one aiohttp application."""

from aiohttp import web

from flux_dispatch.api import health, metrics
from flux_dispatch.api.auth import AUTHENTICATOR, Authenticator
from flux_dispatch.api.dependencies import DEPENDENCIES, Dependencies
from flux_dispatch.api.middleware import make_counting, make_middleware
from flux_dispatch.api.rate_limit import RATE_LIMIT, RateLimit
from flux_dispatch.api.reference.routes import reference_routes
from flux_dispatch.api.request_meter import REQUEST_METER, RequestMeter
from flux_dispatch.api.routes import ROUTES
from flux_dispatch.web.static_files import STATIC_FILES


def make_app(dependencies: Dependencies) -> web.Application:
    """Return the application; whoever runs it owns the dependencies, and says what its metrics are (METRICS)."""
    authenticator = Authenticator(dependencies)
    rate_limit = RateLimit(dependencies.counter)
    meter = RequestMeter()
    app = web.Application(
        middlewares=[
            make_counting(meter),
            make_middleware(authenticator, rate_limit, dependencies.read_limit),
        ],
        client_max_size=dependencies.max_body_bytes,
    )
    app[DEPENDENCIES] = dependencies
    app[AUTHENTICATOR] = authenticator
    app[RATE_LIMIT] = rate_limit
    app[REQUEST_METER] = meter

    async def close(_: web.Application) -> None:
        await authenticator.close()

    app.on_cleanup.append(close)
    app.add_routes(health.routes)
    app.add_routes(metrics.routes)
    app.add_routes(reference_routes(ROUTES))
    app.add_routes(STATIC_FILES.routes())
    for routes in ROUTES:
        app.add_routes(routes)
    return app
