"""/v1/webhooks/{id}/stats: how a webhook's attempts went, in buckets."""

from typing import Any, Final

from aiohttp import web

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.filters import FilterParsers, one_of, parse_parameters
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, WebhookId
from flux_dispatch.domain.statistics import Counts, Period, total

routes = web.RouteTableDef()


@routes.get("/v1/webhooks/{id}/stats")
@requires_scope(Scope.READ)
async def get_stats(request: web.Request) -> web.Response:
    """Show what the attempts of a webhook came to, in sum and over time."""
    period = Period(parse_parameters(request, _PARAMETERS).get("period", Period.DAY))
    account, webhook = request[ACCOUNT], WebhookId(path_id(request, Prefix.WEBHOOK))
    or_404(await request.app[DEPENDENCIES].webhook_queries.get(account, webhook), webhook)
    buckets = await request.app[DEPENDENCIES].statistics_queries.of_webhook(account, webhook, period)
    return web.json_response(
        {
            "object": "webhook_stats",
            "webhook": webhook,
            "period": period.value,
            "bucket_seconds": round(period.step.total_seconds()),
            "totals": serialize(total([counts for _, counts in buckets])),
            "buckets": [{"start": rfc3339_seconds(at), **serialize(counts)} for at, counts in buckets],
        }
    )


def serialize(counts: Counts) -> dict[str, Any]:
    """Return counts as the API shows them."""
    return {
        "attempts": counts.attempts,
        "delivered": counts.delivered,
        "failed_attempts": counts.failed_attempts,
        "final_failures": counts.final_failures,
        "success_rate": None if counts.success_rate is None else round(counts.success_rate, 4),
        "latency_p50_ms": _milliseconds(counts.latency(0.5)),
        "latency_p95_ms": _milliseconds(counts.latency(0.95)),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


_PARAMETERS: Final[FilterParsers] = {"period": one_of(Period)}
