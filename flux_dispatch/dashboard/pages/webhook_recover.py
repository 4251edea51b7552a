"""/dashboard/…/webhooks/{id}/recover: what a webhook missed is counted first, then delivered after all."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import id_in_path, webhook_of
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import InvalidRequest, NotFound, QueryTooSlow
from flux_dispatch.domain.ids import Prefix, RecoveryId, parse_id
from flux_dispatch.domain.recovery import Missed, Recovery, RecoveryStatus
from flux_dispatch.domain.webhook import Webhook
from flux_dispatch.store.pages import Page

routes = web.RouteTableDef()

SPANS: Final = {
    "1": "the last hour",
    "24": "the last 24 hours",
    "168": "the last 7 days",
    "720": "the last 30 days",
}
"""How far back, by hours."""

AT: Final = "at"
"""In the place of hours: a time is given in a field of this name."""

LISTED: Final = 10
"""How many past recoveries are listed."""

_OPEN: Final = (RecoveryStatus.PENDING, RecoveryStatus.RUNNING)


@routes.get("/{account}/webhooks/{webhook}/recover")
@page(Scope.WEBHOOKS_WRITE)
async def show_recovery(request: web.Request) -> web.Response:
    """Show how far the one that runs has come; else ask since when, and count what that would be."""
    webhook = await webhook_of(request)
    if "since" not in request.query:
        return await _recovery_page(request, webhook)
    asked, error = request.query["since"], None
    if asked == AT:
        asked = request.query.get(AT, "")
    missed: Missed | None = None
    try:
        since = _since(asked)
        _, missed = await request.app[DEPENDENCIES].recoveries.count(
            request[ACCOUNT].id, webhook.id, since=since, until=None
        )
    except InvalidRequest as refused:
        error = refused
    except QueryTooSlow:
        error = InvalidRequest("There is too much to count in time. It can be recovered all the same.", param="count")
    return await _recovery_page(request, webhook, asked=asked, missed=missed, error=error)


@routes.post("/{account}/webhooks/{webhook}/recover")
@page(Scope.WEBHOOKS_WRITE)
async def begin_recovery(request: web.Request) -> web.Response:
    """Begin."""
    webhook = await webhook_of(request)
    asked = str((await request.post()).get("since", ""))
    try:
        await request.app[DEPENDENCIES].recoveries.begin(
            request[ACCOUNT].id, webhook.id, since=_since(asked), until=None
        )
    except InvalidRequest as error:
        return await _recovery_page(request, webhook, asked=asked, error=error)
    return go_to(request, f"webhooks/{webhook.id}/recover", done="recovery_begun")


@routes.post("/{account}/webhooks/{webhook}/recover/{recovery}/cancel")
@page(Scope.WEBHOOKS_WRITE)
async def cancel_recovery(request: web.Request) -> web.Response:
    """Cancel it."""
    webhook = await webhook_of(request)
    dependencies, account = request.app[DEPENDENCIES], request[ACCOUNT].id
    recovery = RecoveryId(id_in_path(request, "recovery", Prefix.RECOVERY))
    found = await dependencies.recovery_queries.get(account, recovery)
    if found is None or found.webhook != webhook.id:
        raise NotFound("There is no such recovery of this webhook.")
    await dependencies.recoveries.cancel(account, recovery)
    return go_to(request, f"webhooks/{webhook.id}/recover", done="recovery_canceled")


def _since(text: str) -> datetime:
    """Return the time that is meant by so many hours ago, or by a time in UTC as a browser's field writes it.

    Raises:
        InvalidRequest: it is neither, or lies in the future.
    """
    now = datetime.now(UTC)
    if text in SPANS:
        return now - timedelta(hours=int(text))
    try:
        given = datetime.fromisoformat(text)
        since = given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # in UTC it may lie beyond the years that there are
        raise InvalidRequest("Choose since when, or give a time like 2026-01-15 10:30.", param="since") from None
    if since >= now:
        message = "This time lies in the future. Give that of the first event that was missed, in UTC."
        raise InvalidRequest(message, param="since")
    return since


async def _recovery_page(
    request: web.Request,
    webhook: Webhook,
    *,
    asked: str | None = None,
    missed: Missed | None = None,
    error: InvalidRequest | None = None,
) -> web.Response:
    filters: dict[str, Any] = {"webhook": parse_id(Prefix.WEBHOOK, webhook.id)}
    found = await request.app[DEPENDENCIES].recovery_queries.page(request[ACCOUNT].id, Page(LISTED), filters)
    return render(
        request,
        "webhook_recover.html",
        status=HTTPStatus.OK if error is None or error.param == "count" else error.status,
        webhook=webhook,
        spans=SPANS,
        asked=asked,
        since=_since(asked) if asked and (error is None or error.param == "count") else None,
        missed=missed,
        error=error,
        running=next((each for each in found if each.status in _OPEN), None),
        past=[each for each in found if each.status not in _OPEN],
        part_done=part_done,
    )


def part_done(recovery: Recovery) -> float:
    """Return how far a recovery has come, 0 to 1: by time, not by how much there is."""
    whole = recovery.span.until - recovery.span.since
    done = recovery.position - recovery.span.since
    return min(max(done / whole, 0.0), 1.0) if whole else 1.0
