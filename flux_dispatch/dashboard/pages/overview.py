"""/dashboard/…/: how an account fares, what waits, and which webhooks need attention; at first, how to begin."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from flux_dispatch.dashboard.admission import ACCOUNT, SESSION, page
from flux_dispatch.dashboard.dependencies import DEPENDENCIES
from flux_dispatch.dashboard.first_steps import publishing
from flux_dispatch.dashboard.public_url import public_url
from flux_dispatch.dashboard.reasons import why_disabled
from flux_dispatch.dashboard.traffic import PERIODS, asked_period, attempts_over
from flux_dispatch.dashboard.view import go_to, render
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.errors import QueryTooSlow
from flux_dispatch.domain.overview import NeedsAttention
from flux_dispatch.domain.statistics import Period, total
from flux_dispatch.domain.webhook import Status
from flux_dispatch.store.overview import MOST_EVENTS
from flux_dispatch.store.pages import Page
from flux_dispatch.store.statistics import Bucket

routes = web.RouteTableDef()

_ANY: Final = Page(1)
"""Whether there is one at all."""


@routes.get("/{account}/")
@page(Scope.READ)
async def show_overview(request: web.Request) -> web.Response:
    """Show how the account fares in the period that is asked for, and how to begin where nothing has happened yet.

    Customers begin with their webhooks.
    """
    if request[SESSION].is_customer:
        return go_to(request, "webhooks")
    dependencies, account, period = request.app[DEPENDENCIES], request[ACCOUNT].id, asked_period(request)
    buckets = await _buckets(request, period)
    # events and attempts of the same time stand beside each other
    since = buckets[0][0] if buckets else datetime.now(UTC) - period.step * period.buckets
    events = await dependencies.overview_queries.events_since(account, since)
    has_events = events > 0 or bool(await dependencies.event_queries.page(account, _ANY, {}))
    has_webhooks = bool(await dependencies.webhook_queries.page(account, _ANY))
    return render(
        request,
        "overview.html",
        has_events=has_events,
        has_webhooks=has_webhooks,
        samples=publishing(public_url(request), None if request[SESSION].account else account),
        periods=PERIODS,
        period=period,
        sum=total([counts for _, counts in buckets or []]),
        chart=attempts_over(period, buckets) if buckets else None,
        events=events,
        most_events=MOST_EVENTS,
        oldest=await dependencies.overview_queries.oldest_waiting(account),
        now=datetime.now(UTC),
        attention=[(each, _why(each)) for each in await dependencies.overview_queries.needs_attention(account)],
    )


async def _buckets(request: web.Request, period: Period) -> Sequence[Bucket] | None:
    """Return the statistics of the period; None where there is too much to add up, which the page must survive."""
    try:
        return await request.app[DEPENDENCIES].statistics_queries.of_account(request[ACCOUNT].id, period)
    except QueryTooSlow:
        return None


def _why(webhook: NeedsAttention) -> str:
    """Return the sentence that says what is wrong, and what to do."""
    if webhook.status is Status.DISABLED:
        return why_disabled(webhook.disabled_reason)
    if webhook.last_failure is not None and webhook.last_failure.attempt.advice:
        return webhook.last_failure.attempt.advice
    return f"{webhook.day.failed_attempts} of {webhook.day.attempts} attempts failed within 24 hours: look at the last."
