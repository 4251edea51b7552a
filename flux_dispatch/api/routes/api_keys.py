"""/v1/api-keys: what the API takes for a key, does with it, and shows of it."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, API_KEY, AUTHENTICATOR, PLATFORM, ActsFor, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import field, id_field, time_field
from flux_dispatch.api.filters import parse_filters, timestamp
from flux_dispatch.api.openapi.operation import PageOf, id_in_path, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import path_id
from flux_dispatch.api.request_body import Integer, read_body
from flux_dispatch.domain.api_key import (
    MAX_NAME_LENGTH,
    MAX_PER_SECOND,
    PREFIX,
    ApiKey,
    Limits,
    Scope,
    validate_new_api_key,
)
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import ApiKeyId, Prefix

routes = web.RouteTableDef()

_NAME: Final = field("What it is for.", "billing service", maxLength=MAX_NAME_LENGTH)
_SCOPES: Final = field("What it may do.", ["events:write"], minItems=1, items={"type": "string", "enum": list(Scope)})
_EVENTS: Final = field("How many events a second it may publish; null: any.", 100, minimum=1, maximum=MAX_PER_SECOND)
_REQUESTS: Final = field("How many requests a second it may make; null: any.", 20, minimum=1, maximum=MAX_PER_SECOND)


class ApiKeyBody(BaseModel):
    """POST /v1/api-keys."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scopes: Annotated[list[str], _SCOPES]
    name: Annotated[str, _NAME] = ""
    expires_at: Annotated[str | None, time_field("When it stops working; null: never.")] = None
    events_per_second: Annotated[Integer | None, _EVENTS] = None
    requests_per_second: Annotated[Integer | None, _REQUESTS] = None


class ApiKeyResource(TypedDict):
    """A key, without the key itself but in the answer that it is made with."""

    id: Annotated[str, id_field(Prefix.API_KEY)]
    object: Literal["api_key"]
    name: Annotated[str, _NAME]
    account: Annotated[str | None, id_field(Prefix.ACCOUNT, "The account that it belongs to; null for a platform key.")]
    scopes: Annotated[list[str], _SCOPES]
    prefix: Annotated[str, field("How the key begins.", PREFIX)]
    last4: Annotated[str, field("How the key ends.", "x7Qa")]
    events_per_second: Annotated[int | None, _EVENTS]
    requests_per_second: Annotated[int | None, _REQUESTS]
    created: Annotated[str, time_field("When it was made.")]
    expires_at: Annotated[str | None, time_field("When it stops working; null: never.")]
    last_used_at: Annotated[str | None, time_field("When it was last used, to the minute; null: not yet.")]


class ApiKeyWithKeyResource(ApiKeyResource):
    """A key that was just created, this once with the key itself."""

    key: Annotated[str, field("The key, this once.", "sk_live_…")]


@routes.post("/v1/api-keys")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
@operation(
    "api_keys.create",
    "Create an API key",
    {HTTPStatus.CREATED: ApiKeyWithKeyResource},
    body=ApiKeyBody,
    errors=("beyond_own_key",),
)
async def create_api_key(request: web.Request) -> web.Response:
    """Create a key; the answer is the only one that holds it.

    Give each service a key of its own, with no more scopes than it needs. A key makes none that may do more than it
    may itself.
    """
    body = await read_body(request, ApiKeyBody)
    wanted = validate_new_api_key(
        scopes=body.scopes,
        name=body.name,
        expires_at=_instant(body.expires_at),
        limits=Limits(body.events_per_second, body.requests_per_second),
    )
    made = await request.app[DEPENDENCIES].api_keys.add(request.get(ACCOUNT), request[API_KEY].pass_on(wanted))
    if made is None:
        raise InvalidRequest("expires_at is over already. Give a time to come.", param="expires_at")
    record, key = made
    answer: ApiKeyWithKeyResource = {**serialize(record), "key": key}
    return web.json_response(answer, status=HTTPStatus.CREATED)


@routes.get("/v1/api-keys")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
@operation("api_keys.list", "List API keys", {HTTPStatus.OK: PageOf(ApiKeyResource)}, query={})
async def list_api_keys(request: web.Request) -> web.Response:
    """List keys that were not revoked, without the keys themselves."""
    parse_filters(request, {})
    account, api_keys = request.get(ACCOUNT), request.app[DEPENDENCIES].api_keys
    return await list_response(request, account or PLATFORM, lambda page: api_keys.page(account, page), serialize)


@routes.delete("/v1/api-keys/{id}")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
@operation("api_keys.revoke", "Revoke an API key", {HTTPStatus.NO_CONTENT: None}, path=id_in_path(Prefix.API_KEY))
async def revoke_api_key(request: web.Request) -> web.Response:
    """Revoke a key: it stops working within five seconds."""
    key_id = ApiKeyId(path_id(request, Prefix.API_KEY))
    if not await request.app[DEPENDENCIES].api_keys.revoke_of(request.get(ACCOUNT), key_id):
        raise NotFound(f"There is no API key {key_id}.")
    request.app[AUTHENTICATOR].forget_key(key_id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # as it is shown; and the driver takes the last microsecond of all time for infinity
        return timestamp(text).replace(microsecond=0)
    except InvalidRequest as error:
        raise InvalidRequest(error.message, param="expires_at") from None


def serialize(key: ApiKey) -> ApiKeyResource:
    """Return a key as the API shows it, without the key itself."""
    return {
        "id": key.id,
        "object": "api_key",
        "name": key.name,
        "account": key.account,
        "scopes": list(key.scopes),
        "prefix": PREFIX,
        "last4": key.last4,
        "events_per_second": key.limits.events_per_second,
        "requests_per_second": key.limits.requests_per_second,
        "created": rfc3339_seconds(key.created_at),
        "expires_at": rfc3339_seconds(key.expires_at) if key.expires_at else None,
        "last_used_at": rfc3339_seconds(key.last_used_at) if key.last_used_at else None,
    }
