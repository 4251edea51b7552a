"""Where this server is reached, for what people copy out of pages: links, and samples of code."""

from aiohttp import web

from flux_dispatch.dashboard.dependencies import DEPENDENCIES


def public_url(request: web.Request) -> str:
    """Return the URL that the operator gave, or else the one that this request came to, without a slash at its end."""
    return request.app[DEPENDENCIES].public_url or f"{request.scheme}://{request.host}"
