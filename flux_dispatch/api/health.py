"""Is it alive, is it ready, and where is what: answered without a key."""

from http import HTTPStatus

from aiohttp import web

from flux_dispatch import __version__
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.errors import DOCUMENTATION

routes = web.RouteTableDef()


@routes.get("/healthz")
async def is_alive(_: web.Request) -> web.Response:
    """Say that the process answers."""
    return web.json_response({"status": "ok", "version": __version__})


@routes.get("/readyz")
async def is_ready(request: web.Request) -> web.Response:
    """Say whether events can be stored: that takes the database; without Redis they are found a little later.

    Without a key: what is wrong is named, but no host, no user and no word of a server.
    """
    troubles = await request.app[DEPENDENCIES].check_readiness()
    ready = troubles["database"] is None
    body: dict[str, object] = {
        "status": "ready" if ready else "not ready",
        "checks": {name: "unavailable" if trouble else "ok" for name, trouble in troubles.items()},
    }
    reasons = {name: trouble for name, trouble in troubles.items() if trouble}
    if reasons:
        body["reasons"] = reasons
    return web.json_response(body, status=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


@routes.get("/")
async def start_page(request: web.Request) -> web.Response:
    """Say what runs here, and where things are."""
    if "text/html" not in request.headers.get("Accept", ""):
        return web.json_response({"product": "Flux Dispatch", "version": __version__, "links": _LINKS})
    items = "".join(f'<li><a href="{url}">{name}</a></li>' for name, url in _LINKS.items())
    page = _PAGE.replace("{version}", __version__).replace("{items}", items)
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy})


_LINKS = {
    "API reference": "/docs",
    "OpenAPI": "/openapi.json",
    "Is it ready?": "/readyz",
    "Documentation": DOCUMENTATION,
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Flux Dispatch</title>
<style>
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 15vh auto; padding: 0 1.5rem; color: #1c2333 }
  h1 { font-size: 1.6rem; margin-bottom: 0 } p { color: #5a6478 } a { color: #3451b2 }
  code { background: #f1f3f8; padding: .1rem .3rem; border-radius: .25rem }
  @media (prefers-color-scheme: dark) {
    body { background: #12151d; color: #e6e9f0 } p { color: #9aa4b8 } a { color: #93a8ff } code { background: #222736 }
  }
</style>
<h1>Flux Dispatch {version}</h1>
<p>This is the API. Call it with a key: <code>Authorization: Bearer sk_live_…</code></p>
<ul>{items}</ul>
</html>
"""
