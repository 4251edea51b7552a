"""/openapi.json and /docs: what describes the API to programs, and to people; no key is needed."""

import json
import re
from collections.abc import Sequence
from functools import cache, partial
from typing import Final

from aiohttp import web

from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.openapi.document import document
from flux_dispatch.api.reference.page import SERVER, ReferencePage
from flux_dispatch.web.policy import PAGE_HEADERS

CACHE: Final = "public, max-age=300"
_HOST: Final = re.compile(r"[A-Za-z0-9._\[\]:-]{1,255}")


def reference_routes(routes: Sequence[web.RouteTableDef]) -> web.RouteTableDef:
    """Return the routes that describe these ones."""
    reference = web.RouteTableDef()
    described = cache(partial(document, routes, SERVER))
    page = ReferencePage(described)

    @reference.get("/openapi.json")
    async def get_openapi(request: web.Request) -> web.Response:
        """Answer the OpenAPI document."""
        answer = {**described(), "servers": [{"url": _server(request)}]}
        text = json.dumps(answer, ensure_ascii=False)
        return web.Response(text=text, content_type="application/json", headers={"Cache-Control": CACHE})

    @reference.get("/docs")
    async def get_docs(request: web.Request) -> web.Response:
        """Answer the reference page."""
        content = await page.under(_server(request))
        return content.response(request, {"Cache-Control": CACHE, **PAGE_HEADERS})

    return reference


def _server(request: web.Request) -> str:
    """Return the URL under which the API is called; what is copied from the page runs in shells, so any will not do."""
    if known := request.app[DEPENDENCIES].public_url:
        return known
    if not _HOST.fullmatch(request.host):
        raise web.HTTPBadRequest(reason="The header Host names no host")
    return f"{request.scheme}://{request.host}"
