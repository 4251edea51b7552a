"""What people are told of webhooks."""

from typing import Final

from flux_webhooks.models import Webhook, WebhookStats

from flux_dispatch.cli.output.tables import Column, Kind

EMPTY: Final = (
    "There is no webhook yet. Make one:\n  flux webhooks create https://example.com/hooks --events order.completed"
)

COLUMNS: Final = (
    Column("webhook", lambda each: each.id, Kind.ID),
    Column("status", lambda each: each.status, Kind.STATUS),
    Column("url", lambda each: each.url, Kind.URL),
    Column("events", lambda each: each.events, may_go=True),
    Column("description", lambda each: each.description, may_go=True),
)


def fields(webhook: Webhook) -> dict[str, object]:
    """Return the fields of one webhook, but its secret."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "status": webhook.status,
        "disabled_reason": webhook.disabled_reason,
        "description": webhook.description or None,
        # their values are often secrets
        "headers": "do not open" if webhook.headers is None else sorted(webhook.headers) or None,
        "metadata": webhook.metadata or None,
        "created": webhook.created,
        "updated": webhook.updated,
    }


def stats_fields(stats: WebhookStats) -> dict[str, object]:
    """Return how the attempts of the last 24 hours went."""
    totals = stats.totals
    if not totals.attempts:
        return {"last 24 h": "no attempts"}
    rate = f"{totals.success_rate:.1%} delivered" if totals.success_rate is not None else ""
    slow = f", p95 {totals.latency_p95_ms:.0f} ms" if totals.latency_p95_ms is not None else ""
    return {"last 24 h": f"{totals.attempts:,} attempts, {rate}{slow}, {totals.final_failures:,} given up"}
