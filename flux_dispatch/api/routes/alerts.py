"""/v1/alerts: what the API shows of alerts, and how they are acknowledged."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from sqlalchemy import Row
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import NULL, field, id_field, time_field, type_field
from flux_dispatch.api.filters import FilterParsers, id_filter, parse_filters, truth_filter
from flux_dispatch.api.openapi.operation import PageOf, id_in_path, operation
from flux_dispatch.api.pagination import list_response
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_millis, rfc3339_seconds
from flux_dispatch.domain.ids import AlertId, Prefix, format_id
from flux_dispatch.domain.outcome import ErrorClass

routes = web.RouteTableDef()

_FILTERS: Final[FilterParsers] = {
    "webhook": id_filter(Prefix.WEBHOOK, "Of this webhook."),
    "acknowledged": truth_filter("Only those that somebody has seen, or only those that nobody has."),
}


class AlertResource(TypedDict):
    """A delivery that was given up, for somebody to see."""

    id: Annotated[str, id_field(Prefix.ALERT)]
    object: Literal["alert"]
    reason: Annotated[str, field("Why it was given up.", "attempts_exhausted", enum=["attempts_exhausted", "gone"])]
    webhook: Annotated[str, id_field(Prefix.WEBHOOK, "The webhook.")]
    url: Annotated[str, field("Where that is.", "https://example.com/hooks", format="uri")]
    event: Annotated[str, id_field(Prefix.EVENT, "The event.")]
    event_type: Annotated[str, type_field("The type of the event.")]
    delivery: Annotated[str, id_field(Prefix.DELIVERY, "The delivery.")]
    last_status: Annotated[int | None, field("What the last attempt was answered; null when no answer came.", 500)]
    last_error: Annotated[ErrorClass | None, field("Why the last attempt failed.", "http_status")]
    created: Annotated[str, time_field("When it was given up.")]
    acknowledged: Annotated[
        str | None, field("When somebody said to have seen it; null until then.", NULL, format="date-time")
    ]


@routes.get("/v1/alerts")
@requires_scope(Scope.READ)
@operation("alerts.list", "List alerts", {HTTPStatus.OK: PageOf(AlertResource)}, query=_FILTERS)
async def list_alerts(request: web.Request) -> web.Response:
    """List what was given up, the newest first."""
    filters = parse_filters(request, _FILTERS)
    account = request[ACCOUNT]
    queries = request.app[DEPENDENCIES].alert_queries
    return await list_response(request, account, lambda page: queries.page(account, page, filters), serialize)


@routes.post("/v1/alerts/{id}/acknowledge")
@requires_scope(Scope.WEBHOOKS_WRITE)
@operation("alerts.acknowledge", "Acknowledge an alert", {HTTPStatus.OK: AlertResource}, path=id_in_path(Prefix.ALERT))
async def acknowledge_alert(request: web.Request) -> web.Response:
    """Note that somebody has seen an alert; doing it again changes nothing."""
    account, alert = request[ACCOUNT], AlertId(path_id(request, Prefix.ALERT))
    await request.app[DEPENDENCIES].alerts.acknowledge(account, alert)
    found = or_404(await request.app[DEPENDENCIES].alert_queries.get(account, alert), alert)
    return web.json_response(serialize(found))


def serialize(row: Row[Any]) -> AlertResource:
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
