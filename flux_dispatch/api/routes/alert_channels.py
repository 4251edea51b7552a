"""/v1/alert-channels: what the API takes for an alert channel, does with it, and shows of it."""

from http import HTTPStatus
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import EXAMPLE_TIME, NULL, field, id_field, time_field
from flux_dispatch.api.filters import parse_filters
from flux_dispatch.api.openapi.operation import PageOf, id_in_path, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.alert_channel import (
    MAX_CHANNEL_URL_LENGTH,
    MAX_NAME_LENGTH,
    OF_WEBHOOKS,
    AlertChannel,
    ChannelStatus,
)
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import AlertChannelId, Prefix
from flux_dispatch.engine.alert_channels import ChannelWish

routes = web.RouteTableDef()

_URL: Final = field(
    "Where messages go, as an Apprise URL: mailtos://…, slack://…, or what Slack, Discord or Teams give out. It is "
    "stored sealed, and never shown again.",
    "mailtos://user:password@smtp.example.com?to=ops@example.com",
    minLength=1,
    maxLength=MAX_CHANNEL_URL_LENGTH,
)
_NAME: Final = field("What people call it.", "On call", maxLength=MAX_NAME_LENGTH)
_KINDS: Final = field(
    "What it is told of.",
    ["delivery_failed", "webhook_disabled"],
    minItems=1,
    items={"type": "string", "enum": [each.value for each in OF_WEBHOOKS]},
)
_STATUS: Final = field("Whether messages to it go out.", "enabled", enum=[each.value for each in ChannelStatus])
_ALL_KINDS: Final = [each.value for each in OF_WEBHOOKS]


class AlertChannelBody(BaseModel):
    """POST /v1/alert-channels."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Annotated[str, _URL]
    name: Annotated[str, _NAME] = ""
    kinds: Annotated[list[str], _KINDS] = _ALL_KINDS


class AlertChannelPatch(BaseModel):
    """PATCH /v1/alert-channels/{id}: what is not named stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        # not all of them: what is pasted from here shall disable nothing
        json_schema_extra={"examples": [{"name": "On call", "kinds": ["webhook_failing", "webhook_disabled"]}]},
    )

    url: Annotated[str, _URL] = ""
    name: Annotated[str, _NAME] = ""
    kinds: Annotated[list[str], _KINDS] = []
    status: Annotated[str, _STATUS] = ""


class AlertChannelResource(TypedDict):
    """Where people are told of failures."""

    id: Annotated[str, id_field(Prefix.ALERT_CHANNEL)]
    object: Literal["alert_channel"]
    name: Annotated[str, _NAME]
    service: Annotated[str, field("Which service it is of.", "email")]
    target: Annotated[str, field("What may be shown of its URL.", "ops@example.com by smtp.example.com:587")]
    kinds: Annotated[list[str], _KINDS]
    status: Annotated[ChannelStatus, _STATUS]
    disabled_reason: Annotated[
        str | None,
        field("Why it is disabled: `by_hand`, or `unreachable` where every message failed for five days.", NULL),
    ]
    last_sent: Annotated[
        str | None, field("When the last message arrived; null before.", EXAMPLE_TIME, format="date-time")
    ]
    last_failed: Annotated[str | None, field("When a message last did not; null before.", NULL, format="date-time")]
    last_error: Annotated[str | None, field("Why it did not, and what to do about it.", NULL)]
    failing_since: Annotated[
        str | None,
        field("Since when every message has failed; null while the last one arrived.", NULL, format="date-time"),
    ]
    created: Annotated[str, time_field("When it was created.")]
    updated: Annotated[str, time_field("When it was last changed.")]


class AlertChannelTestResource(TypedDict):
    """What came of a test."""

    object: Literal["alert_channel_test"]
    channel: Annotated[str, id_field(Prefix.ALERT_CHANNEL, "The channel.")]
    status: Annotated[Literal["sent", "failed"], field("Whether the service took the message.", "sent")]
    error: Annotated[str | None, field("Why it did not, and what to do about it; null when it did.", NULL)]


@routes.post("/v1/alert-channels")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "alert_channels.create",
    "Create an alert channel",
    {HTTPStatus.CREATED: AlertChannelResource},
    body=AlertChannelBody,
    headers=("Location",),
    errors=("invalid_url", "too_many_alert_channels"),
)
async def create_alert_channel(request: web.Request) -> web.Response:
    """Create an alert channel, which is told of what happens from this moment on.

    Send a test to it next: whether messages arrive is known only then.
    """
    body = await read_body(request, AlertChannelBody)
    channels = request.app[DEPENDENCIES].alert_channels
    made = await channels.create(request[ACCOUNT], body.url, body.name, body.kinds)
    headers = {"Location": f"/v1/alert-channels/{made.id}"}
    return web.json_response(serialize(made), status=HTTPStatus.CREATED, headers=headers)


@routes.get("/v1/alert-channels")
@requires_scope(Scope.READ)
@operation("alert_channels.list", "List alert channels", {HTTPStatus.OK: PageOf(AlertChannelResource)}, query={})
async def list_alert_channels(request: web.Request) -> web.Response:
    """List alert channels, the newest first."""
    parse_filters(request, {})
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].alert_channel_queries
    return await list_response(request, account, lambda page: queries.page(account, page), serialize)


@routes.get("/v1/alert-channels/{id}")
@requires_scope(Scope.READ)
@operation(
    "alert_channels.get",
    "Show an alert channel",
    {HTTPStatus.OK: AlertChannelResource},
    path=id_in_path(Prefix.ALERT_CHANNEL),
)
async def get_alert_channel(request: web.Request) -> web.Response:
    """Show an alert channel, and whether messages to it arrive; its URL is not shown again."""
    channel = AlertChannelId(path_id(request, Prefix.ALERT_CHANNEL))
    found = await request.app[DEPENDENCIES].alert_channel_queries.get(request[ACCOUNT], channel)
    return web.json_response(serialize(or_404(found, channel)))


@routes.patch("/v1/alert-channels/{id}")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "alert_channels.update",
    "Change an alert channel",
    {HTTPStatus.OK: AlertChannelResource},
    path=id_in_path(Prefix.ALERT_CHANNEL),
    body=AlertChannelPatch,
    errors=("invalid_url",),
)
async def update_alert_channel(request: web.Request) -> web.Response:
    """Change what the body names of an alert channel; what it does not name stays as it is.

    What waits is sent to a new URL at once. A channel that is disabled is told nothing, not later either.
    """
    channel = AlertChannelId(path_id(request, Prefix.ALERT_CHANNEL))
    body = await read_body(request, AlertChannelPatch)
    wish = ChannelWish(**body.model_dump(include=body.model_fields_set))
    changed = await request.app[DEPENDENCIES].alert_channels.update(request[ACCOUNT], channel, wish)
    return web.json_response(serialize(changed))


@routes.delete("/v1/alert-channels/{id}")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "alert_channels.delete",
    "Delete an alert channel",
    {HTTPStatus.NO_CONTENT: None},
    path=id_in_path(Prefix.ALERT_CHANNEL),
)
async def delete_alert_channel(request: web.Request) -> web.Response:
    """Delete an alert channel; what it was yet to be told is not sent."""
    channel = AlertChannelId(path_id(request, Prefix.ALERT_CHANNEL))
    await request.app[DEPENDENCIES].alert_channels.delete(request[ACCOUNT], channel)
    return web.Response(status=HTTPStatus.NO_CONTENT)


@routes.post("/v1/alert-channels/{id}/test")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "alert_channels.test",
    "Send a test to an alert channel",
    {HTTPStatus.OK: AlertChannelTestResource},
    path=id_in_path(Prefix.ALERT_CHANNEL),
    errors=("too_many_tests", "cannot_unseal"),
)
async def send_test_to_channel(request: web.Request) -> web.Response:
    """Send a test to an alert channel, and wait for what its service says, at most about twenty seconds."""
    channel = AlertChannelId(path_id(request, Prefix.ALERT_CHANNEL))
    error = await request.app[DEPENDENCIES].alert_channels.send_test(request[ACCOUNT], channel)
    answer: AlertChannelTestResource = {
        "object": "alert_channel_test",
        "channel": channel,
        "status": "sent" if error is None else "failed",
        "error": error,
    }
    return web.json_response(answer)


def serialize(channel: AlertChannel) -> AlertChannelResource:
    """Return a channel as the API shows it, without its URL."""
    return {
        "id": channel.id,
        "object": "alert_channel",
        "name": channel.name,
        "service": channel.service,
        "target": channel.target,
        "kinds": list(channel.kinds),
        "status": channel.status,
        "disabled_reason": channel.disabled_reason,
        "last_sent": rfc3339_seconds(channel.last_sent_at) if channel.last_sent_at else None,
        "last_failed": rfc3339_seconds(channel.last_failed_at) if channel.last_failed_at else None,
        "last_error": channel.last_error,
        "failing_since": rfc3339_seconds(channel.failing_since) if channel.failing_since else None,
        "created": rfc3339_seconds(channel.created_at),
        "updated": rfc3339_seconds(channel.updated_at),
    }
