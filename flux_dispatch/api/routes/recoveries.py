"""/v1/recoveries: what the API takes for a recovery, does with it, and shows of it."""

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import FilterParsers, parse_filters, timestamp
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.api.read_limit import reads_much
from flux_dispatch.api.request_body import read_body
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.event import rfc3339_millis, rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, RecoveryId, WebhookId, parse_id
from flux_dispatch.domain.recovery import Missed, Recovery, Span

routes = web.RouteTableDef()


class RecoverBody(BaseModel):
    """POST /v1/webhooks/{id}/recover."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: str
    until: str | None = None
    dry_run: bool = False


@routes.post("/v1/webhooks/{id}/recover")
@requires_scope(Scope.WEBHOOKS_WRITE)
@reads_much
async def recover_webhook(request: web.Request) -> web.Response:
    """Have all delivered that a webhook missed, or with `dry_run` say how much it is."""
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
async def list_recoveries(request: web.Request) -> web.Response:
    """List recoveries, those of one webhook if asked."""
    filters = parse_filters(request, _FILTERS)
    account, queries = request[ACCOUNT], request.app[DEPENDENCIES].recovery_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


@routes.get("/v1/recoveries/{id}")
@requires_scope(Scope.READ)
async def get_recovery(request: web.Request) -> web.Response:
    """Show how far a recovery has come."""
    recovery = RecoveryId(path_id(request, Prefix.RECOVERY))
    found = await request.app[DEPENDENCIES].recovery_queries.get(request[ACCOUNT], recovery)
    return web.json_response(serialize(or_404(found, recovery)))


@routes.post("/v1/recoveries/{id}/cancel")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def cancel_recovery(request: web.Request) -> web.Response:
    """Cancel a recovery; what it has recovered stays so."""
    recovery = RecoveryId(path_id(request, Prefix.RECOVERY))
    return web.json_response(serialize(await request.app[DEPENDENCIES].recoveries.cancel(request[ACCOUNT], recovery)))


def _instant(text: str, param: str) -> datetime:
    try:
        return timestamp(text)
    except InvalidRequest as error:
        raise InvalidRequest(error.message, param=param) from None


def serialize(recovery: Recovery) -> dict[str, Any]:
    """Return a recovery as the API shows it."""
    return {
        "id": recovery.id,
        "object": "recovery",
        "webhook": recovery.webhook,
        "since": rfc3339_millis(recovery.span.since),
        "until": rfc3339_millis(recovery.span.until),
        "status": recovery.status.value,
        "reason": recovery.reason.value if recovery.reason else None,
        "position": rfc3339_millis(recovery.position),
        "recovered": _serialize_missed(recovery.recovered),
        "created": rfc3339_seconds(recovery.created_at),
        "updated": rfc3339_seconds(recovery.updated_at),
        "ended": rfc3339_millis(recovery.ended_at) if recovery.ended_at else None,
    }


def _serialize_count(webhook: WebhookId, span: Span, missed: Missed) -> dict[str, Any]:
    return {
        "object": "recovery_count",
        "webhook": webhook,
        "since": rfc3339_millis(span.since),
        "until": rfc3339_millis(span.until),
        "missed": _serialize_missed(missed),
    }


def _serialize_missed(missed: Missed) -> dict[str, int]:
    return {
        "failed": missed.failed,
        "canceled": missed.canceled,
        "never_attempted": missed.never_attempted,
        "total": missed.total,
    }


_FILTERS: Final[FilterParsers] = {"webhook": partial(parse_id, Prefix.WEBHOOK)}
