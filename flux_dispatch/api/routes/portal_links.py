"""/v1/portal-links: a link that signs a customer in to their own settings, made for them by their platform."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import ACCOUNT, API_KEY, AUTHENTICATOR, ActsFor, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.portal_link import DEFAULT_SECONDS, PortalLink, validate_lifetime

routes = web.RouteTableDef()


class PortalLinkBody(BaseModel):
    """POST /v1/portal-links."""

    model_config = ConfigDict(extra="forbid", strict=True)

    account: str | None = None
    expires_in: int = DEFAULT_SECONDS


@routes.post("/v1/portal-links")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
async def create_portal_link(request: web.Request) -> web.Response:
    """Create a link; the answer is the only one that holds it."""
    body = await read_body(request, PortalLinkBody)
    lifetime = validate_lifetime(body.expires_in)
    account = await _account(request, body.account)
    made = await request.app[DEPENDENCIES].portal_links.create(account, lifetime)
    public_url = request.app[DEPENDENCIES].public_url or f"{request.scheme}://{request.host}"
    return web.json_response(serialize(made, public_url), status=HTTPStatus.CREATED)


async def _account(request: web.Request, named: str | None) -> AccountId:
    acts_for = request.get(ACCOUNT)
    account = await request.app[AUTHENTICATOR].account_of(request[API_KEY], named) if named is not None else acts_for
    if account is None:
        message = "A platform key makes a link for an account: name it in account, or in the header Flux-Account."
        raise InvalidRequest(message, param="account", code="account_missing")
    if acts_for not in {None, account}:
        message = "account and the header Flux-Account name two accounts. Send one of them."
        raise InvalidRequest(message, param="account")
    return account


def serialize(link: PortalLink, public_url: str) -> dict[str, Any]:
    """Return a link as its maker sees it, this once."""
    return {
        "id": link.id,
        "object": "portal_link",
        "url": f"{public_url}/portal/{link.token}",
        "expires_at": rfc3339_seconds(link.expires_at),
    }
