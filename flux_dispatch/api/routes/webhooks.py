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
from flux_dispatch.domain.webhook import DEFAULT_OVERLAP, NewWebhook, SigningSecrets, Webhook, WebhookChange

routes = web.RouteTableDef()


class WebhookBody(BaseModel):
    """POST /v1/webhooks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str
    events: list[str]
    description: str = ""
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}


class WebhookPatch(BaseModel):
    """PATCH /v1/webhooks/{id}: what is not named stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = ""
    events: list[str] = []
    description: str = ""
    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    status: str = ""
    disabled_reason: str = ""


class RotationBody(BaseModel):
    """POST /v1/webhooks/{id}/secret/rotate."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_in: int = int(DEFAULT_OVERLAP.total_seconds())


@routes.post("/v1/webhooks")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def create_webhook(request: web.Request) -> web.Response:
    """Create a webhook; the answer is the one that holds its secret."""
    body = await read_body(request, WebhookBody)
    wanted = NewWebhook(body.url, tuple(body.events), body.description, body.headers, body.metadata)
    made, secret = await request.app[DEPENDENCIES].webhooks.create(request[ACCOUNT], wanted)
    headers = {"Location": f"/v1/webhooks/{made.id}"}
    return web.json_response(serialize(made) | {"secret": secret}, status=HTTPStatus.CREATED, headers=headers)


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


@routes.patch("/v1/webhooks/{id}")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def update_webhook(request: web.Request) -> web.Response:
    """Change what the body names of a webhook; each value takes the place of the one before, whole."""
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    body = await read_body(request, WebhookPatch)
    named = body.model_dump(include=body.model_fields_set)
    if "events" in named:
        named["events"] = tuple(named["events"])
    changed = await request.app[DEPENDENCIES].webhooks.update(request[ACCOUNT], webhook, WebhookChange(**named))
    return web.json_response(serialize(changed))


@routes.get("/v1/webhooks/{id}/secret")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def get_secret(request: web.Request) -> web.Response:
    """Show what signs for a webhook; whoever has it can sign, so reading is not enough of a right."""
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    secrets = await request.app[DEPENDENCIES].webhook_queries.secrets(request[ACCOUNT], webhook)
    return web.json_response(serialize_secrets(webhook, or_404(secrets, webhook)))


@routes.post("/v1/webhooks/{id}/secret/rotate")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def rotate_secret(request: web.Request) -> web.Response:
    """Make a new secret; the one before goes on signing beside it for a while."""
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    body = await read_body(request, RotationBody) if request.can_read_body else RotationBody()
    webhooks = request.app[DEPENDENCIES].webhooks
    return web.json_response(
        serialize_secrets(webhook, await webhooks.rotate_secret(request[ACCOUNT], webhook, body.expires_in))
    )


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
        "headers": None if webhook.headers is None else dict(webhook.headers),
        "metadata": dict(webhook.metadata),
        "status": webhook.status.value,
        "disabled_reason": webhook.disabled_reason,
        "created": rfc3339_seconds(webhook.created_at),
        "updated": rfc3339_seconds(webhook.updated_at),
    }


def serialize_secrets(webhook: WebhookId, secrets: SigningSecrets) -> dict[str, Any]:
    """Return the newest secret, and until when older ones sign beside it."""
    return {
        "object": "webhook_secret",
        "webhook": webhook,
        "secret": secrets.newest,
        "older": [{"expires": rfc3339_seconds(each)} for each in secrets.older_expire_at],
    }
