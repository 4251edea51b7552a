"""The root of a worker's metrics: which of its parts tell what they have counted, and where that is served."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.settings import Settings
from workers.celery_queue import CeleryQueue
from workers.metrics.exporter import Exporter
from workers.metrics.loop_lag import LoopLag
from workers.metrics.server import Metrics, served
from workers.metrics.sources import of_build, of_events, of_loop, of_notifications, of_pools, of_queue
from workers.metrics.worker import of_alerts, of_deliveries, of_steps, of_sweep
from workers.steps import Steps
from workers.wiring.worker import Verbs


@asynccontextmanager
async def worker_metrics(settings: Settings, verbs: Verbs, queue: CeleryQueue, steps: Steps) -> AsyncIterator[None]:
    """Serve what a worker tells, if there is a port for it."""
    if settings.metrics_port is None:
        yield
        return
    lag = LoopLag()
    sources = [
        of_build("worker"),
        of_pools(verbs.pools),
        of_queue(queue),
        of_loop(lag),
        of_events({"celery": lambda: verbs.publish.stored_events, "outbox": lambda: verbs.relay.stored_events}),
        of_deliveries(verbs.deliver, verbs.settler),
        of_alerts(verbs.fail, verbs.check_health),
        of_notifications(verbs.notify),
        of_sweep(verbs.sweep),
        of_steps(steps),
    ]
    metrics = Metrics(Exporter(sources), settings.metrics_token)
    try:
        kept_free = (settings.api_port, settings.flower_port)
        async with served(metrics, settings.metrics_host, settings.metrics_port, kept_free=kept_free):
            yield
    finally:
        lag.close()
