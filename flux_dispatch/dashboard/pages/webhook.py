"""/dashboard/…/webhooks/{id}: one webhook: whether it works, what came of its deliveries, and what can be done."""

from typing import Any, Final

from aiohttp import web

from flux_dispatch.dashboard import paging
from flux_dispatch.dashboard.admission import ACCOUNT, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.paths import webhook_of
from flux_dispatch.dashboard.reasons import why_disabled
from flux_dispatch.dashboard.traffic import PERIODS, asked_period, traffic
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.delivery import State
from flux_dispatch.domain.ids import Prefix, format_id, parse_id
from flux_dispatch.domain.statistics import Period, total
from flux_dispatch.domain.webhook import WebhookChange

routes = web.RouteTableDef()

STATUSES: Final = (State.DELIVERED, State.FAILED, State.SCHEDULED, State.PENDING, State.SENDING, State.CANCELED)


@routes.get("/{account}/webhooks/{webhook}")
@page(Scope.READ)
async def show_webhook(request: web.Request) -> web.Response:
    """Show a webhook."""
    dependencies, account = request.app[DEPENDENCIES], request[ACCOUNT].id
    webhook = await webhook_of(request)
    period = asked_period(request)
    queries = dependencies.statistics_queries
    buckets = await queries.of_webhook(account, webhook.id, period)
    day = buckets if period is Period.DAY else await queries.of_webhook(account, webhook.id, Period.DAY)
    failures = await dependencies.webhook_queries.last_failures(account, [webhook.id])
    return render(
        request,
        "webhook.html",
        webhook=webhook,
        reason=why_disabled(webhook.disabled_reason),
        periods=PERIODS,
        traffic=traffic(period, buckets),
        failure=failures.get(webhook.id),
        day=total([counts for _, counts in day]),
        statuses=STATUSES,
        **await _deliveries(request, webhook.id),
    )


@routes.post("/{account}/webhooks/{webhook}/test")
@page(Scope.WEBHOOKS_WRITE)
async def send_test(request: web.Request) -> web.Response:
    """Send a test, and show what came of it."""
    dependencies, account = request.app[DEPENDENCIES], request[ACCOUNT].id
    delivery = await dependencies.send_test(account, (await webhook_of(request)).id)
    await dependencies.send_test.wait(account, delivery)
    return go_to(request, f"deliveries/{delivery}")


@routes.post("/{account}/webhooks/{webhook}/status")
@page(Scope.WEBHOOKS_WRITE)
async def change_status(request: web.Request) -> web.Response:
    """Disable or enable it."""
    webhook = await webhook_of(request)
    change = WebhookChange(status=str((await request.post()).get("status", "")))
    changed = await request.app[DEPENDENCIES].webhooks.update(request[ACCOUNT].id, webhook.id, change)
    return go_to(request, f"webhooks/{webhook.id}", done=f"webhook_{changed.status}")


async def _deliveries(request: web.Request, webhook: str) -> dict[str, Any]:
    """Return a page of its deliveries, those with a status if one is asked for."""
    status = request.query.get("status", "")
    filters = {"webhook": parse_id(Prefix.WEBHOOK, webhook)}
    if status in {each.value for each in STATUSES}:
        filters["status"] = status
    page = paging.page_at(request, [Prefix.EVENT, Prefix.DELIVERY])
    found = await request.app[DEPENDENCIES].delivery_queries.page(request[ACCOUNT].id, page, filters)
    rows = found[: paging.ROWS]
    last = [
        format_id(prefix, id_.hex)
        for each in rows[-1:]
        for prefix, id_ in ((Prefix.EVENT, each.event_id), (Prefix.DELIVERY, each.id))
    ]
    return {
        "deliveries": [(format_id(Prefix.DELIVERY, each.id.hex), each) for each in rows],
        "asked_status": filters.get("status", ""),
        "older": paging.older(request, len(found), last),
        "newest": paging.newest(request),
    }
