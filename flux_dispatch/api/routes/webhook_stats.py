"""/v1/webhooks/{id}/stats: how a webhook's attempts went, in buckets."""

from http import HTTPStatus
from typing import Annotated, Final, Literal

from aiohttp import web
from typing_extensions import TypedDict

from flux_dispatch.api.auth import ACCOUNT, requires_scope
from flux_dispatch.api.dependencies import DEPENDENCIES
from flux_dispatch.api.fields import field, id_field, time_field
from flux_dispatch.api.filters import FilterParsers, one_of, parse_parameters
from flux_dispatch.api.openapi.operation import id_in_path, operation
from flux_dispatch.api.path import or_404, path_id
from flux_dispatch.domain.api_key import Scope
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import Prefix, WebhookId
from flux_dispatch.domain.statistics import Counts, Period, total

routes = web.RouteTableDef()

_PARAMETERS: Final[FilterParsers] = {"period": one_of(Period, "How far back; 24h unless told otherwise.")}


class CountsResource(TypedDict):
    """What attempts came to in some time."""

    attempts: Annotated[int, field("Attempts that ended.", 20)]
    delivered: Annotated[int, field("Those that delivered.", 18)]
    failed_attempts: Annotated[int, field("Those that failed.", 2)]
    final_failures: Annotated[int, field("Deliveries that were given up.", 1)]
    success_rate: Annotated[float | None, field("The part of the attempts that delivered; null without any.", 0.9)]
    latency_p50_ms: Annotated[float | None, field("Half of the attempts took no longer, in milliseconds.", 24.0)]
    latency_p95_ms: Annotated[float | None, field("Of twenty, nineteen took no longer, in milliseconds.", 310.2)]


class BucketResource(CountsResource):
    """The same of one bucket of time."""

    start: Annotated[str, time_field("When it begins.")]


class WebhookStatsResource(TypedDict):
    """How the attempts of a webhook went, in sum and over time."""

    object: Literal["webhook_stats"]
    webhook: Annotated[str, id_field(Prefix.WEBHOOK, "The webhook.")]
    period: Annotated[str, field("How far back.", "24h", enum=list(Period))]
    bucket_seconds: Annotated[int, field("How long a bucket is.", 300)]
    totals: CountsResource
    buckets: Annotated[list[BucketResource], field("Every bucket of the period, the oldest first.")]


@routes.get("/v1/webhooks/{id}/stats")
@requires_scope(Scope.READ)
@operation(
    "webhooks.stats",
    "Show the statistics of a webhook",
    {HTTPStatus.OK: WebhookStatsResource},
    path=id_in_path(Prefix.WEBHOOK),
    query=_PARAMETERS,
)
async def get_stats(request: web.Request) -> web.Response:
    """Show what the attempts of a webhook came to, in sum and over time."""
    period = Period(parse_parameters(request, _PARAMETERS).get("period", Period.DAY))
    account, webhook = request[ACCOUNT], WebhookId(path_id(request, Prefix.WEBHOOK))
    or_404(await request.app[DEPENDENCIES].webhook_queries.get(account, webhook), webhook)
    buckets = await request.app[DEPENDENCIES].statistics_queries.of_webhook(account, webhook, period)
    answer: WebhookStatsResource = {
        "object": "webhook_stats",
        "webhook": webhook,
        "period": period.value,
        "bucket_seconds": round(period.step.total_seconds()),
        "totals": serialize(total([counts for _, counts in buckets])),
        "buckets": [{"start": rfc3339_seconds(at), **serialize(counts)} for at, counts in buckets],
    }
    return web.json_response(answer)


def serialize(counts: Counts) -> CountsResource:
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
