"""/dashboard/…/alerts: what was given up, why, and who has yet to see it."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Row

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import id_in_path
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.attempt import advice_on
from flux_dispatch.domain.errors import InvalidRequest
from flux_dispatch.domain.ids import AlertId, Prefix, format_id, parse_id
from flux_dispatch.domain.phases import NO_PHASES, Phases

routes = web.RouteTableDef()

ALL: Final = "all"
"""What `show` says in the address of the list that has those, too, which somebody has seen."""

_KEPT: Final = ("show", paging.AFTER)


@routes.get("/{account}/alerts")
@page(Scope.READ)
async def list_alerts(request: web.Request) -> web.Response:
    """List alerts, the newest first: those that nobody has seen yet, or all."""
    shows_all = request.query.get("show") == ALL
    filters = {} if shows_all else {"acknowledged": False}
    at = paging.page_at(request, [Prefix.ALERT])
    found = await request.app[DEPENDENCIES].alert_queries.page(request[ACCOUNT].id, at, filters)
    rows = [_row(each) for each in found[: paging.ROWS]]
    return render(
        request,
        "alerts.html",
        rows=rows,
        unseen=[each["id"] for each in rows if each["acknowledged_at"] is None],
        shows_all=shows_all,
        back=_back(request),
        older=paging.older(request, len(found), [rows[-1]["id"]] if rows else []),
        newest=paging.newest(request),
    )


@routes.post("/{account}/alerts/acknowledge")
@page(Scope.WEBHOOKS_WRITE)
async def acknowledge_alerts(request: web.Request) -> web.Response:
    """Note that somebody has seen those that stood on a page."""
    given = (await request.post()).getall("alert", [])
    if len(given) > paging.ROWS:
        raise InvalidRequest("These are more alerts than a page has. Open the list again, and send it from there.")
    for each in given:
        parse_id(Prefix.ALERT, str(each))
    await request.app[DEPENDENCIES].alerts.acknowledge(request[ACCOUNT].id, *(AlertId(str(each)) for each in given))
    return go_to(request, f"alerts{_back(request)}", done="alerts_acknowledged")


@routes.post("/{account}/alerts/{alert}/acknowledge")
@page(Scope.WEBHOOKS_WRITE)
async def acknowledge_alert(request: web.Request) -> web.Response:
    """Note that somebody has seen one."""
    alert = AlertId(id_in_path(request, "alert", Prefix.ALERT))
    await request.app[DEPENDENCIES].alerts.acknowledge(request[ACCOUNT].id, alert)
    return go_to(request, f"alerts{_back(request)}", done="alert_acknowledged")


def _back(request: web.Request) -> str:
    """Return the query of the list that somebody looks at, or sent a form from."""
    kept = {name: request.query[name] for name in _KEPT if request.query.get(name)}
    return f"?{urlencode(kept)}" if kept else ""


def _row(row: Row[Any]) -> dict[str, Any]:
    phases = Phases(*row.last_phases) if row.last_phases else NO_PHASES
    return {
        "id": format_id(Prefix.ALERT, row.id.hex),
        "delivery": format_id(Prefix.DELIVERY, row.delivery_id.hex),
        "event_type": row.event_type,
        "sentence": advice_on(row.last_error, row.last_status, phases) or _BY_REASON.get(row.reason, _GIVEN_UP),
        "webhook": None if row.is_webhook_deleted else format_id(Prefix.WEBHOOK, row.webhook_id.hex),
        "endpoint": row.description or row.url,
        "created_at": row.created_at,
        "acknowledged_at": row.acknowledged_at,
    }


_GIVEN_UP: Final = "Every attempt failed, and none is left. Open the delivery to see why."
_BY_REASON: Final = {"gone": f"Your endpoint answered {HTTPStatus.GONE.value}, so the webhook is disabled."}
