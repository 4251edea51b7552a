"""/v1/accounts: what a platform says, and is shown, of its customers."""

from http import HTTPStatus
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import AUTHENTICATOR, PLATFORM, ActsFor, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import field, id_field, id_pattern, time_field
from flux_dispatch.api.filters import Parameter, parse_filters
from flux_dispatch.api.openapi.operation import PageOf, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404
from flux_dispatch.api.request_body import read_body
from flux_dispatch.api.webhook_fields import METADATA
from flux_dispatch.domain.account import (
    MAX_EXTERNAL_ID_LENGTH,
    MAX_NAME_LENGTH,
    Account,
    validate_account,
    validate_new_account,
)
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, example_id
from flux_dispatch.store.accounts import ExternalIdTakenError

routes = web.RouteTableDef()

_NAME: Final = field("What it is called.", "Acme", minLength=1, maxLength=MAX_NAME_LENGTH)
_EXTERNAL_ID: Final = field(
    "What the platform itself calls it; each belongs to one account.",
    "cus_42",
    minLength=1,
    maxLength=MAX_EXTERNAL_ID_LENGTH,
)
_ACCOUNT_IN_PATH: Final = {
    "id": Parameter(
        str,
        {
            "type": "string",
            "pattern": f"{id_pattern(Prefix.ACCOUNT)}|^ext:.+$",
            "examples": [example_id(Prefix.ACCOUNT)],
        },
        "Its id, or `ext:` and its external id.",
    )
}


class AccountBody(BaseModel):
    """POST /v1/accounts."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, _NAME]
    external_id: Annotated[str | None, _EXTERNAL_ID] = None
    metadata: Annotated[dict[str, str], METADATA] = {}


class AccountChanges(BaseModel):
    """PATCH /v1/accounts/{id}: what is not there stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, _NAME] = ""
    external_id: Annotated[str | None, _EXTERNAL_ID] = None
    metadata: Annotated[dict[str, str], METADATA] = {}


class AccountResource(TypedDict):
    """A customer of the platform."""

    id: Annotated[str, id_field(Prefix.ACCOUNT)]
    object: Literal["account"]
    name: Annotated[str, _NAME]
    external_id: Annotated[str | None, _EXTERNAL_ID]
    metadata: Annotated[dict[str, str], METADATA]
    created: Annotated[str, time_field("When it was created.")]
    updated: Annotated[str, time_field("When it was last changed.")]


@routes.post("/v1/accounts")
@requires_scope(Scope.ADMIN, ActsFor.PLATFORM)
@operation(
    "accounts.create",
    "Create an account",
    {HTTPStatus.CREATED: AccountResource, HTTPStatus.OK: AccountResource},
    body=AccountBody,
    headers=("Location",),
)
async def create_account(request: web.Request) -> web.Response:
    """Create an account, or show the one that has this external id already.

    So it may be sent whenever you are not sure: 201 says that the account is new, 200 that it was there.
    """
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
@operation("accounts.list", "List accounts", {HTTPStatus.OK: PageOf(AccountResource)}, query={})
async def list_accounts(request: web.Request) -> web.Response:
    """List the accounts of the platform, the newest first."""
    parse_filters(request, {})
    return await list_response(request, PLATFORM, request.app[DEPENDENCIES].accounts.page, serialize)


@routes.get("/v1/accounts/{id}")
@requires_scope(Scope.READ, ActsFor.PLATFORM)
@operation("accounts.get", "Show an account", {HTTPStatus.OK: AccountResource}, path=_ACCOUNT_IN_PATH)
async def get_account(request: web.Request) -> web.Response:
    """Show an account, by its id or by the platform's own id of it."""
    return web.json_response(serialize(await _named_in_path(request)))


@routes.patch("/v1/accounts/{id}")
@requires_scope(Scope.ADMIN, ActsFor.PLATFORM)
@operation(
    "accounts.update",
    "Change an account",
    {HTTPStatus.OK: AccountResource},
    path=_ACCOUNT_IN_PATH,
    body=AccountChanges,
    errors=("external_id_taken",),
)
async def change_account(request: web.Request) -> web.Response:
    """Change what the body names of an account; what it does not name stays as it is."""
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
@operation("accounts.delete", "Delete an account", {HTTPStatus.NO_CONTENT: None}, path=_ACCOUNT_IN_PATH)
async def delete_account(request: web.Request) -> web.Response:
    """Delete an account: its keys and webhooks end now, the rest is erased in the background.

    There is no way back.
    """
    account = await _named_in_path(request)
    await request.app[DEPENDENCIES].accounts.delete(account.id)
    request.app[AUTHENTICATOR].forget_account(account.id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _named_in_path(request: web.Request) -> Account:
    name = request.match_info["id"]
    return or_404(await request.app[DEPENDENCIES].accounts.get(name), f"account {name}")


def serialize(account: Account) -> AccountResource:
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
