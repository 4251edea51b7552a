"""The API as one aiohttp application."""

from aiohttp import web

from flux_dispatch.api import endpoints, health
from flux_dispatch.api.gate import make_gate
from flux_dispatch.api.parts import PARTS, ApiParts


def make_app(parts: ApiParts) -> web.Application:
    """Return the application; whoever runs it owns the parts."""
    app = web.Application(middlewares=[make_gate(parts)], client_max_size=parts.max_body_bytes)
    app[PARTS] = parts
    app.add_routes(health.routes)
    app.add_routes(endpoints.routes)
    return app
