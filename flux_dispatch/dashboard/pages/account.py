"""/dashboard/accounts/{account}: what an account is called, and who may come in: for operators."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.public_url import public_url
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.portal_link import DEFAULT_SECONDS, MAX_SECONDS, SIGN_IN_PATH, PortalLink, validate_lifetime

routes = web.RouteTableDef()

LIFETIMES: Final = (timedelta(seconds=DEFAULT_SECONDS), timedelta(hours=1), timedelta(seconds=MAX_SECONDS))
"""How long a portal link may be used, to choose from."""


@routes.get("/accounts/{account}")
@page(Scope.READ, is_for_operators=True)
async def show_account(request: web.Request) -> web.Response:
    """Show an account."""
    return _account_page(request)


@routes.post("/accounts/{account}/portal-link")
@page(Scope.ADMIN, is_for_operators=True)
async def create_portal_link(request: web.Request) -> web.Response:
    """Make a link that signs a customer in, and show it: this once, for nothing but its digest is kept."""
    given = str((await request.post()).get("expires_in", ""))
    try:
        lifetime = validate_lifetime(int(given) if given.isascii() and given.isdigit() else 0)
    except InvalidRequest as error:
        return _account_page(request, error=error)
    link = await request.app[DEPENDENCIES].portal_links.create(request[ACCOUNT].id, lifetime)
    return _account_page(request, link=link)


@routes.post("/accounts/{account}/sign-out")
@page(Scope.ADMIN, is_for_operators=True)
async def sign_everybody_out(request: web.Request) -> web.Response:
    """End all sessions of the account."""
    account = request[ACCOUNT].id
    await request.app[DEPENDENCIES].sessions.end_all(account)
    return go_to(request, f"{ROOT}/accounts/{account}", done="account_signed_out")


def _account_page(
    request: web.Request, *, link: PortalLink | None = None, error: InvalidRequest | None = None
) -> web.Response:
    return render(
        request,
        "account.html",
        status=error.status if error else HTTPStatus.OK,
        account=request[ACCOUNT],
        lifetimes=LIFETIMES,
        link=link,
        url=f"{public_url(request)}{SIGN_IN_PATH}/{link.token}" if link else "",
        error=error,
    )
