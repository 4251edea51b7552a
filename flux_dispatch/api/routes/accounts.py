"""/v1/accounts: what a platform says, and is shown, of its customers."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import AUTHENTICATOR, PLATFORM, ActsFor, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import parse_filters
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.account import Account, validate_account, validate_new_account
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.store.accounts import ExternalIdTakenError

routes = web.RouteTableDef()


class AccountBody(BaseModel):
    """POST /v1/accounts."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    external_id: str | None = None
    metadata: dict[str, str] = {}


class AccountChanges(BaseModel):
    """PATCH /v1/accounts/{id}: what is not there stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = ""
    external_id: str | None = None
    metadata: dict[str, str] = {}


@routes.post("/v1/accounts")
@requires_scope(Scope.ADMIN, ActsFor.PLATFORM)
async def create_account(request: web.Request) -> web.Response:
    """Create an account: 201; or show the one that has this external id already: 200."""
    body = await read_body(request, AccountBody)
    wanted = validate_new_account(name=body.name, external_id=body.external_id, metadata=body.metadata)
    account, is_new = await request.app[DEPENDENCIES].accounts.add(wanted)
    return web.json_response(
        serialize(account),
        status=HTTPStatus.CREATED if is_new else HTTPStatus.OK,
        headers={"Location": f"/v1/accounts/{account.id}"},
    )


@routes.get("/v1/accounts")
@requires_scope(Scope.READ, ActsFor.PLATFORM)
async def list_accounts(request: web.Request) -> web.Response:
    """List accounts."""
    parse_filters(request, {})
    return await list_response(request, PLATFORM, request.app[DEPENDENCIES].accounts.page, serialize)


@routes.get("/v1/accounts/{id}")
@requires_scope(Scope.READ, ActsFor.PLATFORM)
async def get_account(request: web.Request) -> web.Response:
    """Show an account."""
    return web.json_response(serialize(await _named_in_path(request)))


@routes.patch("/v1/accounts/{id}")
@requires_scope(Scope.ADMIN, ActsFor.PLATFORM)
async def change_account(request: web.Request) -> web.Response:
    """Change an account."""
    changes = validate_account((await read_body(request, AccountChanges)).model_dump(exclude_unset=True))
    account = await _named_in_path(request)
    try:
        changed = await request.app[DEPENDENCIES].accounts.change(account.id, changes)
    except ExternalIdTakenError:
        message = "Another account has this external_id. Give it another one first, or choose another here."
        raise InvalidRequest(
            message, param="external_id", code="external_id_taken", status=HTTPStatus.CONFLICT
        ) from None
    request.app[AUTHENTICATOR].forget_account(account.id)
    return web.json_response(serialize(or_404(changed, f"account {request.match_info['id']}")))


@routes.delete("/v1/accounts/{id}")
@requires_scope(Scope.ADMIN, ActsFor.PLATFORM)
async def delete_account(request: web.Request) -> web.Response:
    """Delete an account: its keys and webhooks end now, the rest is erased in the background."""
    account = await _named_in_path(request)
    await request.app[DEPENDENCIES].accounts.delete(account.id)
    request.app[AUTHENTICATOR].forget_account(account.id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _named_in_path(request: web.Request) -> Account:
    name = request.match_info["id"]
    return or_404(await request.app[DEPENDENCIES].accounts.get(name), f"account {name}")


def serialize(account: Account) -> dict[str, Any]:
    """Return an account as the API shows it."""
    return {
        "id": account.id,
        "object": "account",
        "name": account.name,
        "external_id": account.external_id,
        "metadata": dict(account.metadata),
        "created": rfc3339_seconds(account.created_at),
        "updated": rfc3339_seconds(account.updated_at),
    }
