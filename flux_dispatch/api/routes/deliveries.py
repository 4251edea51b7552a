"""/v1/deliveries: what the API shows of deliveries and their attempts."""

from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from aiohttp import web
from sqlalchemy import Row

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import FilterParsers, one_of, parse_filters, timestamp
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.event import rfc3339_millis, rfc3339_seconds
from flux_dispatch.domain.ids import DeliveryId, EventId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import NO_PHASES, Phase, Phases

routes = web.RouteTableDef()


@routes.get("/v1/events/{id}/deliveries")
@requires_scope(Scope.READ)
async def list_deliveries_of_event(request: web.Request) -> web.Response:
    """List the deliveries of an event."""
    filters = parse_filters(request, _STATUS_FILTER)
    account = request[ACCOUNT]
    event = EventId(path_id(request, Prefix.EVENT))
    or_404(await request.app[DEPENDENCIES].event_queries.get(account, event), event)
    filters["event"] = parse_id(Prefix.EVENT, event)
    return await _list_response(request, filters)


@routes.get("/v1/webhooks/{id}/deliveries")
@requires_scope(Scope.READ)
async def list_deliveries_of_webhook(request: web.Request) -> web.Response:
    """List the deliveries to a webhook."""
    filters = parse_filters(request, _NARROWING)
    webhook = WebhookId(path_id(request, Prefix.WEBHOOK))
    or_404(await request.app[DEPENDENCIES].webhook_queries.get(request[ACCOUNT], webhook), webhook)
    filters["webhook"] = parse_id(Prefix.WEBHOOK, webhook)
    return await _list_response(request, filters)


@routes.get("/v1/deliveries")
@requires_scope(Scope.READ)
async def list_deliveries(request: web.Request) -> web.Response:
    """List deliveries, by status, outcome, webhook, event and time if asked."""
    filters = parse_filters(request, _FILTERS)
    return await _list_response(request, filters)


@routes.get("/v1/deliveries/{id}")
@requires_scope(Scope.READ)
async def get_delivery(request: web.Request) -> web.Response:
    """Show a delivery with every attempt."""
    return web.json_response(await delivery_with_attempts(request, DeliveryId(path_id(request, Prefix.DELIVERY))))


@routes.post("/v1/deliveries/{id}/retry")
@requires_scope(Scope.EVENTS_WRITE)
async def retry_delivery(request: web.Request) -> web.Response:
    """Have a delivery attempted at once: 202 with the delivery as it stands then."""
    delivery = DeliveryId(path_id(request, Prefix.DELIVERY))
    await request.app[DEPENDENCIES].retry(request[ACCOUNT], delivery)
    found = or_404(await request.app[DEPENDENCIES].delivery_queries.get(request[ACCOUNT], delivery), delivery)
    return web.json_response(serialize(found), status=HTTPStatus.ACCEPTED)


async def _list_response(request: web.Request, filters: dict[str, Any]) -> web.Response:
    account, queries = request[ACCOUNT], request.app[DEPENDENCIES].delivery_queries
    return await list_response(
        request,
        account,
        lambda page: queries.page(account, page, filters),
        serialize,
        order=("event", "id"),
    )


async def delivery_with_attempts(request: web.Request, delivery: DeliveryId) -> dict[str, Any]:
    """Return a delivery of the request's account as the API shows it by itself.

    Raises:
        NotFound: the account has no such delivery.
    """
    queries = request.app[DEPENDENCIES].delivery_queries
    found = or_404(await queries.get(request[ACCOUNT], delivery), delivery)
    return serialize(found) | {"attempts": [serialize_attempt(each) for each in await queries.attempts(delivery)]}


def serialize(row: Row[Any]) -> dict[str, Any]:
    """Return a delivery as the API shows it, without its attempts."""
    return {
        "id": format_id(Prefix.DELIVERY, row.id.hex),
        "object": "delivery",
        "event": format_id(Prefix.EVENT, row.event_id.hex),
        "event_type": row.event_type,
        "webhook": format_id(Prefix.WEBHOOK, row.webhook_id.hex),
        "url": row.url,
        "status": row.state,
        "test": row.is_test,
        "reason": row.reason,
        "attempts_made": row.attempts,
        "next_attempt_at": rfc3339_millis(row.due_at) if row.due_at else None,
        "created": rfc3339_seconds(_made_at(row.id)),
        "ended": rfc3339_millis(row.ended_at) if row.ended_at else None,
    }


def serialize_attempt(row: Row[Any]) -> dict[str, Any]:
    """Return an attempt as the API shows it."""
    started_at = row.ended_at - timedelta(seconds=row.duration_seconds)
    return {
        "number": row.number,
        "started_at": rfc3339_millis(started_at),
        "ended_at": rfc3339_millis(row.ended_at),
        "duration_ms": _milliseconds(row.duration_seconds),
        "phases": {phase: _milliseconds(seconds) for phase, seconds in zip(Phase, _phases(row), strict=True)},
        "status": row.status,
        "error": row.error,
        "error_detail": row.detail if row.status is None else None,
        "advice": _advice(row),
        "response": None if row.status is None else _response(row),
    }


def _response(row: Row[Any]) -> dict[str, Any]:
    return {"headers": row.response_headers or {}, "excerpt": row.detail or ""}


def _phases(row: Row[Any]) -> Phases:
    if row.phases is not None:
        return Phases(*row.phases)
    return NO_PHASES if row.error else Phases(wait=row.duration_seconds)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _advice(row: Row[Any]) -> str | None:
    """Return what to do about a failed attempt; None for a success, and for what only a later release knows."""
    try:
        return advise(ErrorClass(row.error), row.status, _phases(row).last) if row.error else None
    except ValueError:
        return None


def _made_at(uuid7: UUID) -> datetime:
    """Return the time that a version 7 UUID was made at."""
    return datetime.fromtimestamp((uuid7.int >> 80) / 1000, UTC)


_STATUS_FILTER: Final[FilterParsers] = {"status": one_of(State)}
_NARROWING: Final[FilterParsers] = {
    **_STATUS_FILTER,
    "outcome": one_of(ErrorClass),
    "created_after": timestamp,
    "created_before": timestamp,
}
_FILTERS: Final[FilterParsers] = {
    **_NARROWING,
    "webhook": partial(parse_id, Prefix.WEBHOOK),
    "event": partial(parse_id, Prefix.EVENT),
}
