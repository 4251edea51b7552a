"""/v1/api-keys: what the API takes for a key, does with it, and shows of it."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import ACCOUNT, API_KEY, AUTHENTICATOR, PLATFORM, ActsFor, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import parse_filters, timestamp
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import path_id
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.api_key import PREFIX, ApiKey, Limits, Scope, validate_new_api_key
from flux_dispatch.domain.errors import InvalidRequest, NotFound
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import ApiKeyId, Prefix

routes = web.RouteTableDef()


class ApiKeyBody(BaseModel):
    """POST /v1/api-keys."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scopes: list[str]
    name: str = ""
    expires_at: str | None = None
    events_per_second: int | None = None
    requests_per_second: int | None = None


@routes.post("/v1/api-keys")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
async def create_api_key(request: web.Request) -> web.Response:
    """Create a key; the answer is the only one that holds it."""
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
    return web.json_response(serialize(record) | {"key": key}, status=HTTPStatus.CREATED)


@routes.get("/v1/api-keys")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
async def list_api_keys(request: web.Request) -> web.Response:
    """List keys that were not revoked, without the keys themselves."""
    parse_filters(request, {})
    account, api_keys = request.get(ACCOUNT), request.app[DEPENDENCIES].api_keys
    return await list_response(request, account or PLATFORM, lambda page: api_keys.page(account, page), serialize)


@routes.delete("/v1/api-keys/{id}")
@requires_scope(Scope.ADMIN, ActsFor.EITHER)
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
        return timestamp(text)
    except InvalidRequest as error:
        raise InvalidRequest(error.message, param="expires_at") from None


def serialize(key: ApiKey) -> dict[str, Any]:
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
