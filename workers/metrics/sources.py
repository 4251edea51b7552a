"""What is told of any process: its build, its connections, its queue, its loop, its events and its messages."""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch import __version__
from flux_dispatch.engine.notify import Notify
from flux_dispatch.store.connect import pool_use
from workers.celery_queue import CeleryQueue
from workers.metrics.exporter import Measured, Source
from workers.metrics.loop_lag import LoopLag


def of_build(process: str) -> Source:
    """Tell what runs here."""
    return lambda: [Measured("flux_build_info", 1, (__version__, process))]


def of_pools(pools: Mapping[str, AsyncEngine]) -> Source:
    """Tell how the pools of connections are used, by their names."""

    def tell() -> Iterable[Measured]:
        for name, database in pools.items():
            use = pool_use(database)
            yield Measured("flux_database_connections", use.in_use, (name, "in_use"))
            yield Measured("flux_database_connections", use.idle, (name, "idle"))
            yield Measured("flux_database_connections_max", use.size, (name,))
            yield Measured("flux_database_waiting", use.waiting, (name,))

    return tell


def of_queue(queue: CeleryQueue) -> Source:
    """Tell what became of the messages of this process."""
    return lambda: [Measured("flux_queue_sends_total", count, labels) for labels, count in queue.sends.copy().items()]


def of_loop(lag: LoopLag) -> Source:
    """Tell how late the loop is."""
    return lambda: [Measured("flux_event_loop_lag_seconds", lag.late)]


def of_events(stored: Mapping[str, Callable[[], int]]) -> Source:
    """Tell how many events came by which way."""
    return lambda: [Measured("flux_events_accepted_total", count(), (source,)) for source, count in stored.items()]


def of_notifications(notify: Notify) -> Source:
    """Tell whether messages to alert channels arrived."""
    return lambda: [
        Measured("flux_notifications_total", notify.sent, ("sent",)),
        Measured("flux_notifications_total", notify.not_sent, ("not_sent",)),
    ]
