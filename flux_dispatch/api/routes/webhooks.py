"""/v1/webhooks: what the API takes for a webhook, does with it, and shows of it."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import parse_filters
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, WebhookId
from flux_dispatch.domain.webhook import Webhook

routes = web.RouteTableDef()


class WebhookBody(BaseModel):
    """POST /v1/webhooks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str
    events: list[str]
    description: str = ""
    headers: dict[str, str] = {}


@routes.post("/v1/webhooks")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def create_webhook(request: web.Request) -> web.Response:
    """Create a webhook; the answer is the one that holds its secret."""
    body = await read_body(request, WebhookBody)
    made = await request.app[DEPENDENCIES].webhooks.create(
        request[ACCOUNT], url=body.url, events=body.events, description=body.description, headers=body.headers
    )
    headers = {"Location": f"/v1/webhooks/{made.id}"}
    return web.json_response(serialize(made) | {"secret": made.secret}, status=HTTPStatus.CREATED, headers=headers)


@routes.get("/v1/webhooks")
@requires_scope(Scope.READ)
async def list_webhooks(request: web.Request) -> web.Response:
    """List webhooks."""
    parse_filters(request, {})
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].webhook_queries
    return await list_response(request, account, lambda page: queries.page(account, page), serialize)


@routes.get("/v1/webhooks/{id}")
@requires_scope(Scope.READ)
async def get_webhook(request: web.Request) -> web.Response:
    """Show a webhook."""
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    found = await request.app[DEPENDENCIES].webhook_queries.get(request[ACCOUNT], webhook)
    return web.json_response(serialize(or_404(found, webhook)))


@routes.delete("/v1/webhooks/{id}")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def delete_webhook(request: web.Request) -> web.Response:
    """Delete a webhook; what was still to be delivered to it is canceled."""
    await request.app[DEPENDENCIES].webhooks.delete(request[ACCOUNT], WebhookId(path_id(request, Prefix.WEBHOOK)))
    return web.Response(status=HTTPStatus.NO_CONTENT)


def serialize(webhook: Webhook) -> dict[str, Any]:
    """Return a webhook as the API shows it, without its secret."""
    return {
        "id": webhook.id,
        "object": "webhook",
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "headers": dict(webhook.headers),
        "status": webhook.status.value,
        "disabled_reason": webhook.disabled_reason,
        "created": rfc3339_seconds(webhook.created_at),
        "updated": rfc3339_seconds(webhook.updated_at),
    }
