"""/v1/portal-links: a link that signs a customer in to their own settings, made for them by their platform."""

from http import HTTPStatus
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, API_KEY, AUTHENTICATOR, ActsFor, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import field, id_field, time_field
from flux_dispatch.api.openapi.operation import BodyKind, operation
from flux_dispatch.api.request_body import Integer, read_optional_body
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import AccountId, Prefix, example_id
from flux_dispatch.domain.portal_link import (
    DEFAULT_SECONDS,
    MAX_SECONDS,
    MIN_SECONDS,
    SIGN_IN_PATH,
    PortalLink,
    validate_lifetime,
)

routes = web.RouteTableDef()


class PortalLinkBody(BaseModel):
    """POST /v1/portal-links."""

    model_config = ConfigDict(extra="forbid", strict=True)

    account: Annotated[str | None, field("Whom it signs in, like `acct_…` or `ext:…`.", example_id(Prefix.ACCOUNT))] = (
        None
    )
    expires_in: Annotated[
        Integer, field("For how many seconds it works.", DEFAULT_SECONDS, minimum=MIN_SECONDS, maximum=MAX_SECONDS)
    ] = DEFAULT_SECONDS


class PortalLinkResource(TypedDict):
    """A link that signs a customer in to their own settings, once."""

    id: Annotated[str, id_field(Prefix.PORTAL_LINK)]
    object: Literal["portal_link"]
    url: Annotated[str, field("The link, this once.", "https://flux.example.com/dashboard/sign-in/…", format="uri")]
    expires_at: Annotated[str, time_field("Until when it works.")]


@routes.post("/v1/portal-links")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
@operation(
    "portal_links.create",
    "Create a portal link",
    {HTTPStatus.CREATED: PortalLinkResource},
    body=PortalLinkBody,
    body_kind=BodyKind.MAY_BE_LEFT_OUT,
    errors=("account_missing",),
)
async def create_portal_link(request: web.Request) -> web.Response:
    """Create a link that signs a customer in to their own settings, once; the answer is the only one that holds it."""
    body = await read_optional_body(request, PortalLinkBody)
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


def serialize(link: PortalLink, public_url: str) -> PortalLinkResource:
    """Return a link as its maker sees it, this once."""
    return {
        "id": link.id,
        "object": "portal_link",
        "url": f"{public_url}{SIGN_IN_PATH}/{link.token}",
        "expires_at": rfc3339_seconds(link.expires_at),
    }
