"""/dashboard/…/api-keys: the keys of an account, without the keys themselves; each can be revoked."""

from datetime import UTC, datetime

from aiohttp import web

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, SESSION, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import id_in_path
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import PREFIX, ApiKey, Scope
from flux_dispatch.domain.errors import NotFound
from flux_dispatch.domain.ids import ApiKeyId, Prefix

routes = web.RouteTableDef()


@routes.get("/{account}/api-keys")
@page(Scope.ADMIN, is_for_customers=False)
async def list_api_keys(request: web.Request) -> web.Response:
    """List keys that were not revoked, the newest first."""
    at = paging.page_at(request, [Prefix.API_KEY])
    found = await request.app[DEPENDENCIES].api_keys.page(request[ACCOUNT].id, at)
    keys = found[: paging.ROWS]
    own = await request.app[DEPENDENCIES].api_keys.of_session(request[SESSION].id)
    now = datetime.now(UTC)
    return render(
        request,
        "api_keys.html",
        keys=keys,
        expired={each.id for each in keys if each.expires_at is not None and each.expires_at <= now},
        own=own.id if own else None,
        begins=PREFIX,
        older=paging.older(request, len(found), [keys[-1].id] if keys else []),
        newest=paging.newest(request),
    )


@routes.get("/{account}/api-keys/{key}/revoke")
@page(Scope.ADMIN, is_for_customers=False)
async def show_question(request: web.Request) -> web.Response:
    """Ask whether that is meant."""
    key = await _key_of(request)
    own = await request.app[DEPENDENCIES].api_keys.of_session(request[SESSION].id)
    return render(request, "api_key_revoke.html", key=key, is_own=own is not None and own.id == key.id, begins=PREFIX)


@routes.post("/{account}/api-keys/{key}/revoke")
@page(Scope.ADMIN, is_for_customers=False)
async def revoke_api_key(request: web.Request) -> web.Response:
    """Revoke it."""
    dependencies, key = request.app[DEPENDENCIES], await _key_of(request)
    await dependencies.api_keys.revoke_of(request[ACCOUNT].id, key.id)
    dependencies.forget_key(key.id)
    return go_to(request, "api-keys", done="key_revoked")


async def _key_of(request: web.Request) -> ApiKey:
    """Return the key that the path names.

    Raises:
        NotFound: the account has no such key.
    """
    key_id = ApiKeyId(id_in_path(request, "key", Prefix.API_KEY))
    found = await request.app[DEPENDENCIES].api_keys.get(request[ACCOUNT].id, key_id)
    if found is None:
        raise NotFound("There is no such key: it was revoked, or is another account's.")
    return found
