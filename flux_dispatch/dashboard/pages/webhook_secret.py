"""/dashboard/…/webhooks/{id}/secret: the signing secret, revealed when somebody asks, and replaced by a new one."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import webhook_of
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import CannotUnseal, InvalidRequest
from flux_dispatch.domain.webhook import DEFAULT_OVERLAP, MAX_OVERLAP, MAX_SECRETS

routes = web.RouteTableDef()

OVERLAPS: Final = (timedelta(0), timedelta(hours=1), DEFAULT_OVERLAP, MAX_OVERLAP)
"""For how long the secret before may go on signing beside the new one."""


@routes.get("/{account}/webhooks/{webhook}/secret")
@page(Scope.WEBHOOKS_WRITE)
async def show_secret(request: web.Request) -> web.Response:
    """Show which secrets sign, and no secret."""
    return await _secret_page(request)


@routes.post("/{account}/webhooks/{webhook}/secret")
@page(Scope.WEBHOOKS_WRITE)
async def reveal_secret(request: web.Request) -> web.Response:
    """Show the secret."""
    return await _secret_page(request, is_revealed=True)


@routes.post("/{account}/webhooks/{webhook}/secret/rotate")
@page(Scope.WEBHOOKS_WRITE)
async def rotate_secret(request: web.Request) -> web.Response:
    """Make a new secret, beside which the one before goes on signing for a while."""
    webhook = await webhook_of(request)
    asked = str((await request.post()).get("overlap", ""))
    try:
        await request.app[DEPENDENCIES].webhooks.rotate_secret(request[ACCOUNT].id, webhook.id, _overlap_seconds(asked))
    except InvalidRequest as error:
        return await _secret_page(request, error=_worded(error))
    return go_to(request, f"webhooks/{webhook.id}/secret", done="secret_rotated")


def _overlap_seconds(asked: str) -> int:
    """Return how long the secret before goes on signing.

    Raises:
        InvalidRequest: that is none of what is offered.
    """
    offered = {str(round(each.total_seconds())) for each in OVERLAPS}
    if asked not in offered:
        raise InvalidRequest("Choose for how long the secret before goes on signing.", param="overlap")
    return int(asked)


def _worded(error: InvalidRequest) -> InvalidRequest:
    """Return why there is no new secret, at the field that can be chosen otherwise."""
    if error.code != "too_many_secrets":
        return error
    message = f"{MAX_SECRETS} secrets sign already. Wait until one of them ends, or choose that they do so no longer."
    return InvalidRequest(message, param="overlap", code=error.code, status=error.status)


async def _secret_page(
    request: web.Request, *, is_revealed: bool = False, error: InvalidRequest | None = None
) -> web.Response:
    dependencies, account = request.app[DEPENDENCIES], request[ACCOUNT].id
    webhook, secret = await webhook_of(request), None
    try:
        older = await dependencies.webhook_queries.older_secrets(account, webhook.id)
        if is_revealed:
            secret = (await dependencies.webhooks.reveal_secret(account, webhook.id)).newest
    except CannotUnseal:  # a new one can be made all the same
        older = None
    return render(
        request,
        "webhook_secret.html",
        status=error.status if error else HTTPStatus.OK,
        webhook=webhook,
        opens=older is not None,
        secret=secret,
        older=older or (),
        overlaps=OVERLAPS,
        usual=DEFAULT_OVERLAP,
        error=error,
    )
