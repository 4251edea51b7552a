"""/v1/alerts: what the API shows of alerts, and how they are acknowledged."""

from functools import partial
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Row

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import FilterParsers, one_of, parse_filters
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_millis, rfc3339_seconds
from flux_dispatch.domain.ids import AlertId, Prefix, format_id, parse_id

routes = web.RouteTableDef()


@routes.get("/v1/alerts")
@requires_scope(Scope.READ)
async def list_alerts(request: web.Request) -> web.Response:
    """List alerts, by webhook and whether they are acknowledged if asked."""
    filters = parse_filters(request, _FILTERS)
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].alert_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


@routes.post("/v1/alerts/{id}/acknowledge")
@requires_scope(Scope.WEBHOOKS_WRITE)
async def acknowledge_alert(request: web.Request) -> web.Response:
    """Note that somebody has seen an alert; doing it again changes nothing."""
    account, alert = request[ACCOUNT], AlertId(path_id(request, Prefix.ALERT))
    await request.app[DEPENDENCIES].alerts.acknowledge(account, alert)
    found = or_404(await request.app[DEPENDENCIES].alert_queries.get(account, alert), alert)
    return web.json_response(serialize(found))


def serialize(row: Row[Any]) -> dict[str, Any]:
    """Return an alert as the API shows it, with what it is about."""
    return {
        "id": format_id(Prefix.ALERT, row.id.hex),
        "object": "alert",
        "reason": row.reason,
        "webhook": format_id(Prefix.WEBHOOK, row.webhook_id.hex),
        "url": row.url,
        "event": format_id(Prefix.EVENT, row.event_id.hex),
        "event_type": row.event_type,
        "delivery": format_id(Prefix.DELIVERY, row.delivery_id.hex),
        "last_status": row.last_status,
        "last_error": row.last_error,
        "created": rfc3339_seconds(row.created_at),
        "acknowledged": rfc3339_millis(row.acknowledged_at) if row.acknowledged_at else None,
    }


def _yes_or_no(text: str) -> bool:
    return one_of(("true", "false"))(text) == "true"


_FILTERS: Final[FilterParsers] = {"webhook": partial(parse_id, Prefix.WEBHOOK), "acknowledged": _yes_or_no}
