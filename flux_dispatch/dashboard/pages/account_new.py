"""/dashboard/accounts/new: a new account, for operators."""

from http import HTTPStatus

from aiohttp import web

from flux_dispatch.dashboard.admission import page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.account import MAX_EXTERNAL_ID_LENGTH, MAX_NAME_LENGTH, validate_new_account
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest

routes = web.RouteTableDef()


@routes.get("/accounts/new")
@page(Scope.ADMIN, is_for_operators=True)
async def show_form(request: web.Request) -> web.Response:
    """Ask for its name."""
    return _form_page(request, "", "")


@routes.post("/accounts/new")
@page(Scope.ADMIN, is_for_operators=True)
async def create_account(request: web.Request) -> web.Response:
    """Create it, and go on to its first steps; one that has this external id already is shown as it is."""
    form = await request.post()
    name, external_id = str(form.get("name", "")).strip(), str(form.get("external_id", "")).strip()
    try:
        wanted = validate_new_account(name=name, external_id=external_id or None, metadata={})
    except InvalidRequest as error:
        return _form_page(request, name, external_id, error)
    account, is_new = await request.app[DEPENDENCIES].accounts.add(wanted)
    return go_to(request, f"{ROOT}/{account.id}/", done="account_created" if is_new else "account_known")


def _form_page(request: web.Request, name: str, external_id: str, error: InvalidRequest | None = None) -> web.Response:
    return render(
        request,
        "account_new.html",
        status=error.status if error else HTTPStatus.OK,
        name=name,
        external_id=external_id,
        max_name=MAX_NAME_LENGTH,
        max_external_id=MAX_EXTERNAL_ID_LENGTH,
        error=error,
    )
