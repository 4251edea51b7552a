"""/v1/recoveries: what the API takes for a recovery, does with it, and shows of it."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, reads_much, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import NULL, field, id_field, time_field
from flux_dispatch.api.filters import FilterParsers, id_filter, parse_filters, timestamp
from flux_dispatch.api.openapi.operation import PageOf, id_in_path, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import rfc3339_millis, rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, RecoveryId, WebhookId
from flux_dispatch.domain.recovery import Missed, Recovery, RecoveryStatus, Span, StopReason

routes = web.RouteTableDef()

_FILTERS: Final[FilterParsers] = {"webhook": id_filter(Prefix.WEBHOOK, "Of this webhook.")}


class RecoverBody(BaseModel):
    """POST /v1/webhooks/{id}/recover."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: Annotated[str, time_field("From which time on events are meant.")]
    until: Annotated[str | None, time_field("Before which time; now unless told.")] = None
    dry_run: Annotated[bool, field("Whether to count only.")] = False


class MissedResource(TypedDict):
    """How much a webhook missed, by why."""

    failed: Annotated[int, field("Deliveries that were given up.", 1200)]
    canceled: Annotated[int, field("Deliveries that were canceled.", 310)]
    never_attempted: Annotated[int, field("Events that it has no delivery for.", 42)]
    total: Annotated[int, field("All of these.", 1552)]


class RecoveryCountResource(TypedDict):
    """How much a recovery would find."""

    object: Literal["recovery_count"]
    webhook: Annotated[str, id_field(Prefix.WEBHOOK, "The webhook.")]
    since: Annotated[str, time_field("From which time on events are meant.")]
    until: Annotated[str, time_field("Before which time.")]
    missed: MissedResource


class RecoveryResource(TypedDict):
    """What a webhook missed is delivered after all, and how far that has come."""

    id: Annotated[str, id_field(Prefix.RECOVERY)]
    object: Literal["recovery"]
    webhook: Annotated[str, id_field(Prefix.WEBHOOK, "The webhook.")]
    since: Annotated[str, time_field("From which time on events are meant.")]
    until: Annotated[str, time_field("Before which time.")]
    status: Annotated[RecoveryStatus, field("How far it has come.", "running")]
    reason: Annotated[StopReason | None, field("Why it was canceled.", NULL)]
    position: Annotated[str, time_field("All events before this time are dealt with.")]
    recovered: Annotated[MissedResource, field("What has been recovered.")]
    created: Annotated[str, time_field("When it was asked for.")]
    updated: Annotated[str, time_field("When it last came further.")]
    ended: Annotated[str | None, field("When it was over; null until then.", NULL, format="date-time")]


@routes.post("/v1/webhooks/{id}/recover")
@requires_scope(Scope.WEBHOOKS_WRITE)
@reads_much
@operation(
    "webhooks.recover",
    "Recover what a webhook missed",
    {HTTPStatus.OK: RecoveryCountResource, HTTPStatus.ACCEPTED: RecoveryResource},
    path=id_in_path(Prefix.WEBHOOK),
    body=RecoverBody,
    headers=("Location",),
    errors=("recovery_open", "webhook_not_enabled", "query_too_slow", "too_many_reads"),
)
async def recover_webhook(request: web.Request) -> web.Response:
    """Have all delivered that a webhook missed in a span of time; the answer is a recovery, which goes on by itself.

    Meant are deliveries that failed or were canceled, and events that it has no delivery for though it wants them. With
    `dry_run` nothing is changed, and the answer says how much it is.
    """
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    body = await read_body(request, RecoverBody)
    since = _instant(body.since, "since")
    until = _instant(body.until, "until") if body.until is not None else None
    recoveries = request.app[DEPENDENCIES].recoveries
    if body.dry_run:
        counted = await recoveries.count(request[ACCOUNT], webhook, since=since, until=until)
        return web.json_response(_serialize_count(webhook, *counted))
    begun = await recoveries.begin(request[ACCOUNT], webhook, since=since, until=until)
    headers = {"Location": f"/v1/recoveries/{begun.id}"}
    return web.json_response(serialize(begun), status=HTTPStatus.ACCEPTED, headers=headers)


@routes.get("/v1/recoveries")
@requires_scope(Scope.READ)
@operation("recoveries.list", "List recoveries", {HTTPStatus.OK: PageOf(RecoveryResource)}, query=_FILTERS)
async def list_recoveries(request: web.Request) -> web.Response:
    """List recoveries, the newest first."""
    filters = parse_filters(request, _FILTERS)
    account, queries = request[ACCOUNT], request.app[DEPENDENCIES].recovery_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


@routes.get("/v1/recoveries/{id}")
@requires_scope(Scope.READ)
@operation("recoveries.get", "Show a recovery", {HTTPStatus.OK: RecoveryResource}, path=id_in_path(Prefix.RECOVERY))
async def get_recovery(request: web.Request) -> web.Response:
    """Show how far a recovery has come."""
    recovery = RecoveryId(path_id(request, Prefix.RECOVERY))
    found = await request.app[DEPENDENCIES].recovery_queries.get(request[ACCOUNT], recovery)
    return web.json_response(serialize(or_404(found, recovery)))


@routes.post("/v1/recoveries/{id}/cancel")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation(
    "recoveries.cancel",
    "Cancel a recovery",
    {HTTPStatus.OK: RecoveryResource},
    path=id_in_path(Prefix.RECOVERY),
    errors=("recovery_completed",),
)
async def cancel_recovery(request: web.Request) -> web.Response:
    """Cancel a recovery; what it has recovered stays so."""
    recovery = RecoveryId(path_id(request, Prefix.RECOVERY))
    return web.json_response(serialize(await request.app[DEPENDENCIES].recoveries.cancel(request[ACCOUNT], recovery)))


def _instant(text: str, param: str) -> datetime:
    try:
        return timestamp(text)
    except InvalidRequest as error:
        raise InvalidRequest(error.message, param=param) from None


def serialize(recovery: Recovery) -> RecoveryResource:
    """Return a recovery as the API shows it."""
    return {
        "id": recovery.id,
        "object": "recovery",
        "webhook": recovery.webhook,
        "since": rfc3339_millis(recovery.span.since),
        "until": rfc3339_millis(recovery.span.until),
        "status": recovery.status,
        "reason": recovery.reason,
        "position": rfc3339_millis(recovery.position),
        "recovered": _serialize_missed(recovery.recovered),
        "created": rfc3339_seconds(recovery.created_at),
        "updated": rfc3339_seconds(recovery.updated_at),
        "ended": rfc3339_millis(recovery.ended_at) if recovery.ended_at else None,
    }


def _serialize_count(webhook: WebhookId, span: Span, missed: Missed) -> RecoveryCountResource:
    return {
        "object": "recovery_count",
        "webhook": webhook,
        "since": rfc3339_millis(span.since),
        "until": rfc3339_millis(span.until),
        "missed": _serialize_missed(missed),
    }


def _serialize_missed(missed: Missed) -> MissedResource:
    return {
        "failed": missed.failed,
        "canceled": missed.canceled,
        "never_attempted": missed.never_attempted,
        "total": missed.total,
    }
