"""The middleware that every page passes: who looks, whether they may, and one page for what goes wrong."""

from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from flux_dispatch.dashboard.admission import ACCOUNT, SAFE_METHODS, SESSION, Handler, admit, needs_of
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.dashboard.visitor import visitor_of
from flux_dispatch.domain.errors import FluxError, Forbidden, InternalError, NotFound, Unauthenticated, Unavailable
from flux_dispatch.store.acting import acting_as
from flux_dispatch.web.policy import page_headers
from flux_dispatch.web.request_id import REQUEST_ID

log = structlog.get_logger("flux.dashboard")


@web.middleware
async def handle_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Admit whoever asks, answer the page, or say what is wrong and what to do."""
    try:
        await admit(request, handler)
        with acting_as(partial(visitor_of, request)):
            response = await _answer(request, handler)
    except Unauthenticated as error:
        response = _to_sign_in(request, error)
    except FluxError as error:
        if isinstance(error, Unavailable):
            log.warning("page.unavailable", request_id=request.get(REQUEST_ID), cause=error.cause)
        elif isinstance(error, InternalError):
            log.exception("page.failed", **_in_words(request), error=error.message)
        response = _error_page(request, error)
    except web.HTTPException as error:
        response = _error_page(request, _from_http(error))
    except Exception:
        log.exception("page.failed", **_in_words(request))
        response = _error_page(request, InternalError("Something broke on our side."))
    if not response.prepared:
        response.headers.update(page_headers(framed_by(request)))
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _in_words(request: web.Request) -> dict[str, str | None]:
    """Return what the log says of a request."""
    return {"request_id": request.get(REQUEST_ID), "method": request.method, "path": request.path}


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return the page; what reads takes a place among the reads of its account, which the API has the same of."""
    account, needs = request.get(ACCOUNT), needs_of(handler)
    if account is None or needs is None or needs.stays_open or request.method not in SAFE_METHODS:
        return await handler(request)
    async with request.app[DEPENDENCIES].read_limit.place(account.id):
        return await handler(request)


def make_middlewares() -> list[Middleware]:
    """Return the middlewares of the dashboard."""
    return [handle_page]


def is_framed(request: web.Request) -> bool:
    """Say whether the pages of customers may stand inside another site's."""
    return bool(request.app[DEPENDENCIES].appearance.frame_origins)


def framed_by(request: web.Request) -> tuple[str, ...]:
    """Return the origins that may frame this page: those of the operator, where a customer looks or signs in."""
    session = request.get(SESSION)
    is_for_customers = session is None or session.is_customer
    return tuple(request.app[DEPENDENCIES].appearance.frame_origins) if is_for_customers else ()


def _to_sign_in(request: web.Request, error: Unauthenticated) -> web.Response:
    if request.method not in SAFE_METHODS:
        return _error_page(request, error)
    return go_to(request, f"{ROOT}/sign-in?{urlencode({'next': request.rel_url.raw_path_qs})}")


def _error_page(request: web.Request, error: FluxError) -> web.Response:
    return render(
        request,
        "error.html",
        status=error.status,
        title=_title(error),
        message=error.message,
        status_code=int(error.status),
        request_id=request.get(REQUEST_ID),
    )


def _title(error: FluxError) -> str:
    match error:
        case NotFound():
            return "Not here"
        case Forbidden():
            return "Not allowed"
        case Unauthenticated():
            return "Signed out"
        case Unavailable():
            return "Not available for the moment"
        case InternalError():
            return "Something broke"
    return "That did not work"


def _from_http(error: web.HTTPException) -> FluxError:
    if error.status == HTTPStatus.NOT_FOUND:
        return NotFound("There is nothing at this address.")
    message = {
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take what was sent. Go back, and try again from there.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "What was sent is too large.",
    }
    made = Forbidden(message.get(HTTPStatus(error.status), "This request could not be read."))
    made.status = HTTPStatus(error.status)
    return made
