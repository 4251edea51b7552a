"""/dashboard/…/webhooks/{id}/delete: deleting a webhook, once its host was typed."""

from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import webhook_of
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.webhook import Webhook

routes = web.RouteTableDef()


@routes.get("/{account}/webhooks/{webhook}/delete")
@page(Scope.WEBHOOKS_WRITE)
async def show_question(request: web.Request) -> web.Response:
    """Ask whether that is meant."""
    return _question(request, await webhook_of(request))


@routes.post("/{account}/webhooks/{webhook}/delete")
@page(Scope.WEBHOOKS_WRITE)
async def delete_webhook(request: web.Request) -> web.Response:
    """Delete it."""
    webhook = await webhook_of(request)
    typed = str((await request.post()).get("host", "")).strip().lower()
    if typed != _host(webhook):
        error = InvalidRequest(f"That is not its host. Type {_host(webhook)} to delete this webhook.", param="host")
        return _question(request, webhook, error)
    await request.app[DEPENDENCIES].webhooks.delete(request[ACCOUNT].id, webhook.id)
    return go_to(request, "webhooks", done="webhook_deleted")


def _host(webhook: Webhook) -> str:
    return urlsplit(webhook.url).netloc


def _question(request: web.Request, webhook: Webhook, error: InvalidRequest | None = None) -> web.Response:
    status = error.status if error else HTTPStatus.OK
    return render(request, "webhook_delete.html", status=status, webhook=webhook, host=_host(webhook), error=error)
