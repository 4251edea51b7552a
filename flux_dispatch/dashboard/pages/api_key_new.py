"""/dashboard/…/api-keys/new: making a key, which is shown once, on the page that answers."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, SESSION, page
from flux_dispatch.dashboard.api_key_form import ALLOWS, ApiKeyForm
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.view import render
from flux_dispatch.domain.api_key import MAX_NAME_LENGTH, MAX_PER_SECOND, ApiKey, NewApiKey, Scope
from flux_dispatch.domain.dashboard_session import SignedInBy
from flux_dispatch.domain.errors import BeyondOwnKey, InvalidRequest, Unauthenticated

routes = web.RouteTableDef()

_BEYOND = "The key that you signed in with has less than that, and can give another no more than it has itself."
_OVER = "This day has begun already. Give one to come, or none."


@routes.get("/{account}/api-keys/new")
@page(Scope.ADMIN, is_for_customers=False)
async def show_form(request: web.Request) -> web.Response:
    """Ask what the key may do."""
    return _form_page(request, ApiKeyForm(), await _own_key(request))


@routes.post("/{account}/api-keys/new")
@page(Scope.ADMIN, is_for_customers=False)
async def create_api_key(request: web.Request) -> web.Response:
    """Make it, and show it this once."""
    form, own = ApiKeyForm.read(await request.post()), await _own_key(request)
    try:
        wanted = _passed_on(form.wanted(), own)
    except InvalidRequest as error:
        return _form_page(request, form, own, error)
    made = await request.app[DEPENDENCIES].api_keys.add(request[ACCOUNT].id, wanted)
    if made is None:
        return _form_page(request, form, own, InvalidRequest(_OVER, param="expires_at"))
    record, key = made
    return render(request, "api_key_made.html", record=record, key=key)


async def _own_key(request: web.Request) -> ApiKey | None:
    """Return the key that signed in; None where a link did.

    Raises:
        Unauthenticated: it was revoked this moment.
    """
    session = request[SESSION]
    own = await request.app[DEPENDENCIES].api_keys.of_session(session.id)
    if own is None and session.signed_in_by is SignedInBy.API_KEY:
        raise Unauthenticated("The key that you signed in with does not work any more.")
    return own


def _passed_on(wanted: NewApiKey, own: ApiKey | None) -> NewApiKey:
    """Return the key that whoever signed in may make; an operator who came by a link has no bounds of their own."""
    if own is None:
        return wanted
    try:
        return own.pass_on(wanted)
    except BeyondOwnKey as error:
        raise InvalidRequest(_BEYOND, param=error.param, status=HTTPStatus.FORBIDDEN) from error


def _form_page(
    request: web.Request, form: ApiKeyForm, own: ApiKey | None, error: InvalidRequest | None = None
) -> web.Response:
    values: dict[str, Any] = {"form": form, "own": own, "error": error, "scopes": ALLOWS}
    return render(
        request,
        "api_key_new.html",
        status=error.status if error else HTTPStatus.OK,
        max_name=MAX_NAME_LENGTH,
        max_per_second=MAX_PER_SECOND,
        **values,
    )
