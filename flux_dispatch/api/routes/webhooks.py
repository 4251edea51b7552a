"""/v1/webhooks: what the API takes for a webhook, does with it, and shows of it."""

from http import HTTPStatus
from typing import Annotated, Literal

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import NULL, field, id_field, time_field
from flux_dispatch.api.filters import parse_filters
from flux_dispatch.api.openapi.operation import BodyKind, PageOf, id_in_path, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.api.request_body import Integer, read_body, read_optional_body
from flux_dispatch.api.webhook_fields import (
    DESCRIPTION,
    DISABLED_REASON,
    EVENTS,
    EXAMPLE_SECRET,
    HEADERS,
    METADATA,
    URL,
)
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, WebhookId
from flux_dispatch.domain.webhook import (
    DEFAULT_OVERLAP,
    MAX_OVERLAP,
    NewWebhook,
    SigningSecrets,
    Status,
    Webhook,
    WebhookChange,
)

routes = web.RouteTableDef()


class WebhookBody(BaseModel):
    """POST /v1/webhooks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Annotated[str, URL]
    events: Annotated[list[str], EVENTS]
    description: Annotated[str, DESCRIPTION] = ""
    headers: Annotated[dict[str, str], HEADERS] = {}
    metadata: Annotated[dict[str, str], METADATA] = {}


class WebhookPatch(BaseModel):
    """PATCH /v1/webhooks/{id}: what is not named stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "dependentSchemas": {
                "disabled_reason": {"required": ["status"], "properties": {"status": {"const": Status.DISABLED}}}
            },
            # not all of them: what is pasted from here shall disable nothing
            "examples": [{"events": ["order.completed", "invoice.*"], "description": "Billing, production"}],
        },
    )

    url: Annotated[str, URL] = ""
    events: Annotated[list[str], EVENTS] = []
    description: Annotated[str, DESCRIPTION] = ""
    headers: Annotated[dict[str, str], HEADERS] = {}
    metadata: Annotated[dict[str, str], METADATA] = {}
    status: Annotated[str, field("Whether deliveries to it go out.", "disabled", enum=list(Status))] = ""
    disabled_reason: Annotated[str, DISABLED_REASON] = ""


class RotationBody(BaseModel):
    """POST /v1/webhooks/{id}/secret/rotate."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_in: Annotated[
        Integer,
        field(
            "For how many seconds the secret before goes on signing beside the new one; 0 ends all older ones now.",
            3600,
            minimum=0,
            maximum=int(MAX_OVERLAP.total_seconds()),
        ),
    ] = int(DEFAULT_OVERLAP.total_seconds())


class WebhookResource(TypedDict):
    """A customer's endpoint, and the types of events that it wants."""

    id: Annotated[str, id_field(Prefix.WEBHOOK)]
    object: Literal["webhook"]
    url: Annotated[str, URL]
    events: Annotated[list[str], EVENTS]
    description: Annotated[str, DESCRIPTION]
    headers: Annotated[dict[str, str] | None, HEADERS]
    metadata: Annotated[dict[str, str], METADATA]
    status: Annotated[Status, field("Whether deliveries to it go out.", "enabled")]
    disabled_reason: Annotated[str | None, field("Why it is disabled; null while it is not.", NULL)]
    is_listen: Annotated[bool, field("Whether it is a listen session's; it ends with that, and is in no list.", False)]  # noqa: FBT003 - an example
    created: Annotated[str, time_field("When it was created.")]
    updated: Annotated[str, time_field("When it was last changed.")]


class WebhookWithSecretResource(WebhookResource):
    """A webhook that was just created, with its secret."""

    secret: Annotated[str, field("What signs what it gets; keep it.", EXAMPLE_SECRET)]


class OlderSecretResource(TypedDict):
    """A secret that signs beside the newest for a while."""

    expires: Annotated[str, time_field("Until when it signs.")]


class WebhookSecretResource(TypedDict):
    """What signs for a webhook."""

    object: Literal["webhook_secret"]
    webhook: Annotated[str, id_field(Prefix.WEBHOOK, "The webhook.")]
    secret: Annotated[str, field("The secret whose signature stands first.", EXAMPLE_SECRET)]
    older: Annotated[list[OlderSecretResource], field("Until when each older secret signs, too; never the secret.")]


@routes.post("/v1/webhooks")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "webhooks.create",
    "Create a webhook",
    {HTTPStatus.CREATED: WebhookWithSecretResource},
    body=WebhookBody,
    headers=("Location",),
    errors=(
        "invalid_url",
        "https_required",
        "blocked_address",
        "blocked_port",
        "invalid_event_type",
        "too_many_webhooks",
    ),
)
async def create_webhook(request: web.Request) -> web.Response:
    """Create a webhook; the answer holds the secret that signs what it gets.

    It gets every event of the types that it wants from this moment on. Keep the secret where the receiver verifies.
    """
    body = await read_body(request, WebhookBody)
    wanted = NewWebhook(body.url, tuple(body.events), body.description, body.headers, body.metadata)
    made, secret = await request.app[DEPENDENCIES].webhooks.create(request[ACCOUNT], wanted)
    headers = {"Location": f"/v1/webhooks/{made.id}"}
    answer: WebhookWithSecretResource = {**serialize(made), "secret": secret}
    return web.json_response(answer, status=HTTPStatus.CREATED, headers=headers)


@routes.get("/v1/webhooks")
@requires_scope(Scope.READ)
@operation("webhooks.list", "List webhooks", {HTTPStatus.OK: PageOf(WebhookResource)}, query={})
async def list_webhooks(request: web.Request) -> web.Response:
    """List webhooks, the newest first."""
    parse_filters(request, {})
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].webhook_queries
    return await list_response(request, account, lambda page: queries.page(account, page), serialize)


@routes.get("/v1/webhooks/{id}")
@requires_scope(Scope.READ)
@operation("webhooks.get", "Show a webhook", {HTTPStatus.OK: WebhookResource}, path=id_in_path(Prefix.WEBHOOK))
async def get_webhook(request: web.Request) -> web.Response:
    """Show a webhook: what it wants, and whether it is enabled."""
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    found = await request.app[DEPENDENCIES].webhook_queries.get(request[ACCOUNT], webhook)
    return web.json_response(serialize(or_404(found, webhook)))


@routes.patch("/v1/webhooks/{id}")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "webhooks.update",
    "Change a webhook",
    {HTTPStatus.OK: WebhookResource},
    path=id_in_path(Prefix.WEBHOOK),
    body=WebhookPatch,
    errors=(
        "invalid_url",
        "https_required",
        "blocked_address",
        "blocked_port",
        "invalid_event_type",
        "webhook_of_listen_session",
    ),
)
async def update_webhook(request: web.Request) -> web.Response:
    """Change what the body names of a webhook; what it does not name stays as it is.

    Each value takes the place of the one before, whole: send all headers to keep them. A webhook that is disabled gets
    nothing, and what it still waited for is canceled.
    """
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    body = await read_body(request, WebhookPatch)
    named = body.model_dump(include=body.model_fields_set)
    if "events" in named:
        named["events"] = tuple(named["events"])
    changed = await request.app[DEPENDENCIES].webhooks.update(request[ACCOUNT], webhook, WebhookChange(**named))
    return web.json_response(serialize(changed))


@routes.get("/v1/webhooks/{id}/secret")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "webhooks.secret",
    "Show the signing secret",
    {HTTPStatus.OK: WebhookSecretResource},
    path=id_in_path(Prefix.WEBHOOK),
    errors=("cannot_unseal",),
)
async def get_secret(request: web.Request) -> web.Response:
    """Show what signs for a webhook.

    Whoever has it can sign, so the scope `read` is not enough, and the audit log says who has seen it.
    """
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    if request.method == hdrs.METH_HEAD:  # it shows no secret, so the audit log must not say that one was seen
        or_404(await request.app[DEPENDENCIES].webhook_queries.get(request[ACCOUNT], webhook), webhook)
        return web.json_response()
    secrets = await request.app[DEPENDENCIES].webhooks.reveal_secret(request[ACCOUNT], webhook)
    return web.json_response(serialize_secrets(webhook, secrets))


@routes.post("/v1/webhooks/{id}/secret/rotate")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "webhooks.rotate_secret",
    "Rotate the signing secret",
    {HTTPStatus.OK: WebhookSecretResource},
    path=id_in_path(Prefix.WEBHOOK),
    body=RotationBody,
    body_kind=BodyKind.MAY_BE_LEFT_OUT,
    errors=("too_many_secrets", "cannot_unseal", "webhook_of_listen_session"),
)
async def rotate_secret(request: web.Request) -> web.Response:
    """Make a new secret; the one before goes on signing beside it for a while.

    Every request carries a signature of each, so a receiver may change its own at any moment until the older one
    expires.
    """
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    body = await read_optional_body(request, RotationBody)
    webhooks = request.app[DEPENDENCIES].webhooks
    return web.json_response(
        serialize_secrets(webhook, await webhooks.rotate_secret(request[ACCOUNT], webhook, body.expires_in))
    )


@routes.delete("/v1/webhooks/{id}")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "webhooks.delete",
    "Delete a webhook",
    {HTTPStatus.NO_CONTENT: None},
    path=id_in_path(Prefix.WEBHOOK),
    errors=("webhook_of_listen_session",),
)
async def delete_webhook(request: web.Request) -> web.Response:
    """Delete a webhook; what was still to be delivered to it is canceled."""
    await request.app[DEPENDENCIES].webhooks.delete(request[ACCOUNT], WebhookId(path_id(request, Prefix.WEBHOOK)))
    return web.Response(status=HTTPStatus.NO_CONTENT)


def serialize(webhook: Webhook) -> WebhookResource:
    """Return a webhook as the API shows it, without its secret."""
    return {
        "id": webhook.id,
        "object": "webhook",
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "headers": None if webhook.headers is None else dict(webhook.headers),
        "metadata": dict(webhook.metadata),
        "status": webhook.status,
        "disabled_reason": webhook.disabled_reason,
        "is_listen": webhook.is_listen,
        "created": rfc3339_seconds(webhook.created_at),
        "updated": rfc3339_seconds(webhook.updated_at),
    }


def serialize_secrets(webhook: WebhookId, secrets: SigningSecrets) -> WebhookSecretResource:
    """Return the newest secret, and until when older ones sign beside it."""
    return {
        "object": "webhook_secret",
        "webhook": webhook,
        "secret": secrets.newest,
        "older": [{"expires": rfc3339_seconds(each)} for each in secrets.older_expire_at],
    }
