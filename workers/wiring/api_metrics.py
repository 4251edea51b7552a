"""The root of an API process's metrics: which of its parts tell what they have counted, and where that is served."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sized
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from config.redis_url import read_redis_url
from config.settings import Settings
from flux_dispatch.api.dependencies import Dependencies
from flux_dispatch.api.metrics import METRICS
from flux_dispatch.api.request_meter import REQUEST_METER
from flux_dispatch.engine.notify import Notify
from flux_dispatch.store.connect import trouble_of
from flux_dispatch.store.snapshot import SnapshotQueries
from workers.celery_queue import CeleryQueue
from workers.metrics.api import Reach, of_requests, of_tunnel
from workers.metrics.exporter import Exporter, Source
from workers.metrics.installation import Installation
from workers.metrics.loop_lag import LoopLag
from workers.metrics.measure import Measurement
from workers.metrics.server import Metrics, served
from workers.metrics.sources import of_build, of_events, of_loop, of_notifications, of_pools, of_queue
from workers.redis_client import open_redis
from workers.worker_ping import WorkerPing


class ApiParts(NamedTuple):
    """What an API process tells of; `pools` by their names, among them `publish` and `reads`.

    `tunnel` are the connections of commands that listen; `notify` is None where operators are not told.
    """

    dependencies: Dependencies
    pools: Mapping[str, AsyncEngine]
    queue: CeleryQueue
    workers: WorkerPing
    tunnel: Sized
    notify: Notify | None


@asynccontextmanager
async def api_metrics(settings: Settings, app: web.Application, parts: ApiParts) -> AsyncIterator[None]:
    """Have the application, and the metrics' own port, tell of this process and of the whole installation."""
    lag, redis = LoopLag(), open_redis(read_redis_url(settings.need_redis_url()))
    measure = Measurement(SnapshotQueries(parts.pools["reads"]), redis, parts.workers)
    installation = Installation(measure, redis)
    reach = _reach(parts)
    publish, send_test = parts.dependencies.publish, parts.dependencies.send_test
    sources: list[Source] = [
        of_build("api"),
        of_pools(parts.pools),
        of_queue(parts.queue),
        of_loop(lag),
        of_events({"api": lambda: publish.stored_events, "test": lambda: send_test.stored_events}),
        of_requests(app[REQUEST_METER]),
        of_tunnel(parts.tunnel),
        *([of_notifications(parts.notify)] if parts.notify else []),
        reach,
        installation,
    ]

    async def refresh() -> None:
        await asyncio.gather(reach.refresh(), installation.refresh())

    app[METRICS] = metrics = Metrics(Exporter(sources), settings.metrics_token, refresh)
    try:
        async with served(
            metrics,
            settings.metrics_host,
            settings.metrics_port,
            own_port=settings.api_port or None,
            kept_free=(settings.flower_port,),
        ):
            yield
    finally:
        lag.close()
        await installation.close()
        await redis.aclose()


def _reach(parts: ApiParts) -> Reach:
    async def is_database_up() -> bool:
        # events have connections of their own: whoever changes webhooks may wait, and they are stored all the same
        return await trouble_of(parts.pools["publish"]) is None

    return Reach(
        {
            "flux_database_up": is_database_up,
            "flux_broker_up": lambda: asyncio.to_thread(parts.queue.is_reachable),
        }
    )
