"""/dashboard/…/audit-log: who did what, readable as sentences, narrowed and exported; and the platform's own."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, SESSION, page
from flux_dispatch.dashboard.audit_filters import ACTORS, AuditFilters, actions_to_choose
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.frame import ROOT
from flux_dispatch.dashboard.middleware import framed_by
from flux_dispatch.dashboard.view import render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.audit_action import Action
from flux_dispatch.domain.audit_entry import AuditEntry, Reader, TargetKind, did, who
from flux_dispatch.domain.audit_export import ExportFormat
from flux_dispatch.domain.dashboard_session import DashboardSession
from flux_dispatch.domain.errors import InvalidRequest, QueryTooSlow
from flux_dispatch.domain.ids import AccountId, Prefix
from flux_dispatch.web.download import send_pieces
from flux_dispatch.web.policy import page_headers
from flux_dispatch.web.request_id import REQUEST_ID

routes = web.RouteTableDef()

PLATFORM_PATH: Final = "platform-audit-log"

_PLACES: Final[Mapping[TargetKind, str]] = {
    TargetKind.WEBHOOK: "webhooks/{id}",
    TargetKind.EVENT: "events/{id}",
    TargetKind.DELIVERY: "deliveries/{id}",
    TargetKind.EVENT_TYPE: "event-types/{id}",
    TargetKind.ALERT: "alerts?show=all#{id}",
    TargetKind.ALERT_CHANNEL: "alert-channels",
    TargetKind.LISTEN_SESSION: "listen",
    TargetKind.RECOVERY: "webhooks/{webhook}/recover",
}
"""Where, below the account's path, a target is found."""

_FOR_CUSTOMERS: Final = frozenset(_PLACES) - {TargetKind.LISTEN_SESSION}
"""Of these, what customers have pages of."""

_GONE: Final = {Action.WEBHOOK_DELETED, Action.ACCOUNT_DELETED, Action.ACCOUNT_ERASED}
"""After these there is nothing to lead to."""


@routes.get("/{account}/audit-log")
@page(Scope.AUDIT_LOG_READ)
async def list_audit_log(request: web.Request) -> web.Response:
    """List what was done, the newest first."""
    return await _list_page(request, request[ACCOUNT].id)


@routes.post("/{account}/audit-log/export")
@page(Scope.AUDIT_LOG_READ)
async def export_audit_log(request: web.Request) -> web.StreamResponse:
    """Answer a file of all that the filters leave."""
    return await _export(request, request[ACCOUNT].id)


@routes.get(f"/{PLATFORM_PATH}")
@page(Scope.AUDIT_LOG_READ, is_for_operators=True)
async def list_platform_audit_log(request: web.Request) -> web.Response:
    """List what was done of the platform itself: accounts, platform keys, operators."""
    return await _list_page(request, None)


@routes.post(f"/{PLATFORM_PATH}/export")
@page(Scope.AUDIT_LOG_READ, is_for_operators=True)
async def export_platform_audit_log(request: web.Request) -> web.StreamResponse:
    """Answer a file of it."""
    return await _export(request, None)


async def _list_page(request: web.Request, account: AccountId | None) -> web.Response:
    filters, error = AuditFilters.read(request.query), None
    found: list[AuditEntry] = []
    try:
        at = paging.page_at(request, [Prefix.AUDIT_ENTRY])
        queries = request.app[DEPENDENCIES].audit_log_queries
        found = await queries.page(account, at, filters.wanted(), _reader(request))
    except QueryTooSlow:
        message = "This takes too long to find. Narrow it: give a time after or before which it was done."
        error = InvalidRequest(message, status=HTTPStatus.BAD_REQUEST)
    except InvalidRequest as refused:
        error = refused
    rows = found[: paging.ROWS]
    path = f"{ROOT}/{account}" if account else ROOT
    return render(
        request,
        "audit_log.html",
        status=error.status if error else HTTPStatus.OK,
        rows=[_row(request, each, path) for each in rows],
        path=f"{path}/audit-log" if account else f"{path}/{PLATFORM_PATH}",
        is_of_platform=account is None,
        filters=filters.given,
        actions=actions_to_choose(_reader(request), of_platform=account is None),
        actors=ACTORS,
        formats=ExportFormat,
        error=error,
        older=paging.older(request, len(found), [rows[-1].id] if rows else []),
        newest=paging.newest(request),
    )


async def _export(request: web.Request, account: AccountId | None) -> web.StreamResponse:
    form = await request.post()
    asked = str(form.get("format", ""))
    if asked not in set(ExportFormat):
        raise InvalidRequest("Choose in which form the log is exported. Open its page again, and export it from there.")
    filters, kind = AuditFilters.read(form), ExportFormat(asked)
    export = request.app[DEPENDENCIES].export_audit_log
    pieces = await export(account, _reader(request), kind, filters.given, filters.wanted())
    headers = {
        **page_headers(framed_by(request)),
        "Cache-Control": "no-store",
        "X-Request-Id": request[REQUEST_ID],
        "Content-Type": f"{kind.media_type}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="audit-log.{kind}"',
    }
    return await send_pieces(request, pieces, headers)


def _reader(request: web.Request) -> Reader:
    session = request[SESSION]
    if session.is_operator:
        return Reader.PLATFORM
    return Reader.CUSTOMER if session.is_customer else Reader.ACCOUNT


def _row(request: web.Request, entry: AuditEntry, path: str) -> dict[str, Any]:
    actor = entry.acting.actor
    before, target, behind = did(entry)
    known_by = actor.api_key or actor.session
    return {
        "id": entry.id,
        "created_at": entry.created_at,
        "action": str(entry.action),
        "actor": who(actor),
        "actor_query": paging.with_query(request, {"actor": known_by, paging.AFTER: ""}) if known_by else "",
        "before": before,
        "target": target,
        "target_path": _target_path(request[SESSION], entry, path),
        "behind": behind,
        "changes": [(name, _written(each.before), _written(each.after)) for name, each in entry.changes.items()],
        "come": entry.acting,
    }


def _target_path(session: DashboardSession, entry: AuditEntry, path: str) -> str:
    """Return where the target is found; nothing, where it is not, or where whoever looks may not see it."""
    target = entry.target
    if target is None or entry.action in _GONE:
        return ""
    if session.is_customer and target.kind not in _FOR_CUSTOMERS:
        return ""
    if target.kind is TargetKind.ACCOUNT:
        return f"{ROOT}/accounts/{target.id}"
    place = _PLACES.get(target.kind)
    webhook = entry.changes.get("webhook")
    return f"{path}/{place.format(id=target.id, webhook=webhook.after if webhook else '')}" if place else ""


def _written(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a value of an entry as people read it; nothing for what was not there."""
    if value in (None, [], {}):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
