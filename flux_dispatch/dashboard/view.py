"""Turns a template into an answer: the page in its frame, compressed, under the policy for pages."""

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from flux_dispatch.dashboard import formats
from flux_dispatch.dashboard.frame import NOTICES, Frame
from flux_dispatch.web.samples import VERIFYING_AND_TRYING
from flux_dispatch.web.templates import templates

TEMPLATES: Final = templates(Path(__file__).parent / "templates")
TEMPLATES.filters.update(formats.FILTERS)
TEMPLATES.globals["verify_samples"] = VERIFYING_AND_TRYING

_SMALL: Final = 1024
"""In characters: below it compression gains nothing."""


def render(request: web.Request, template: str, *, status: int = HTTPStatus.OK, **values: Any) -> web.Response:  # noqa: ANN401 - whatever the template asks for
    """Answer a page; `frame` is there in every template."""
    text = TEMPLATES.get_template(template).render(frame=Frame(request), **values)
    response = web.Response(text=text, status=status, content_type="text/html")
    if len(text) > _SMALL:
        response.enable_compression()
    return response


def go_to(request: web.Request, path: str, *, done: str | None = None) -> web.Response:
    """Have the browser show another page: by a path below the account's, or one that begins with a slash.

    `done` names what was just done, one of NOTICES.
    """
    target = path if path.startswith("/") else f"{Frame(request).base}/{path}"
    if done is not None:
        if done not in NOTICES:
            raise KeyError(done)
        target = f"{target}{'&' if '?' in target else '?'}{urlencode({'done': done})}"
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": target})
