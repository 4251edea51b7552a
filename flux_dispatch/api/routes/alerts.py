"""/v1/alerts: what the API shows of alerts."""

from typing import Any

from aiohttp import web
from sqlalchemy import Row

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import parse_filters
from flux_dispatch.api.pagination import list_response
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, format_id

routes = web.RouteTableDef()


@routes.get("/v1/alerts")
@requires_scope(Scope.READ)
async def list_alerts(request: web.Request) -> web.Response:
    """List alerts."""
    parse_filters(request, {})
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].alert_queries
    return await list_response(request, account, lambda page: queries.page(account, page), serialize)


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
    }
