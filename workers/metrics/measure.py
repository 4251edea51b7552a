"""How the whole installation is measured: the database, the broker's queues, and the workers that answer."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from config.celeryconfig import PRIORITIES, QUEUES
from flux_dispatch.domain.delivery import OPEN
from flux_dispatch.domain.operations import Snapshot
from flux_dispatch.store.snapshot import SnapshotQueries
from workers.metrics.exporter import Measured
from workers.worker_ping import WorkerPing

UNACKNOWLEDGED: Final = "unacked"
"""Where kombu keeps what workers have taken and not acknowledged."""


class Measurement:
    """Measures; what cannot be asked is left out, but for the database.

    Args:
        snapshots: asks the database.
        redis: the broker's Redis.
        workers: asks the workers.
    """

    def __init__(self, snapshots: SnapshotQueries, redis: "Redis", workers: WorkerPing) -> None:
        self._snapshots = snapshots
        self._redis = redis
        self._workers = workers

    async def __call__(self) -> Sequence[Measured]:
        """Return what is measured now.

        Raises:
            Unavailable: the database is unavailable.
        """
        asking = asyncio.create_task(self._workers.ask())
        snapshot = await self._snapshots.take()
        queues = await self._queues()
        answering = await asking
        workers = [] if answering.workers is None else [Measured("flux_workers", len(answering.workers))]
        return [*_of_database(snapshot), *queues, *workers]

    async def _queues(self) -> list[Measured]:
        keys = [name + priority for name in QUEUES for priority in PRIORITIES]
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.llen(key)
                pipe.hlen(UNACKNOWLEDGED)
                # a key that is something else is none of the broker's
                *lengths, unacknowledged = [
                    0 if isinstance(each, RedisError) else int(each)
                    for each in await pipe.execute(raise_on_error=False)
                ]
        except (RedisError, OSError):
            return []
        of_each = len(PRIORITIES)
        return [
            *(
                Measured("flux_queue_messages", sum(lengths[number * of_each : (number + 1) * of_each]), (name,))
                for number, name in enumerate(QUEUES)
            ),
            Measured("flux_queue_unacknowledged_messages", unacknowledged),
        ]


def _of_database(snapshot: Snapshot) -> Iterator[Measured]:
    for state in sorted(OPEN):
        yield Measured("flux_deliveries", snapshot.backlog.by_state.get(state, 0), (str(state),))
    yield Measured("flux_deliveries_uncounted", int(snapshot.backlog.is_more))
    yield Measured("flux_oldest_due_seconds", snapshot.oldest_due_seconds)
    yield Measured("flux_parked_deliveries", snapshot.parked)
    yield Measured("flux_outbox_events", snapshot.outbox_waiting, ("waiting",))
    yield Measured("flux_outbox_events", snapshot.outbox_refused, ("refused",))
    yield Measured("flux_outbox_oldest_seconds", snapshot.outbox_oldest_seconds)
    yield Measured("flux_operator_channels_failing", snapshot.failing_operator_channels)
    yield Measured("flux_schema_version", snapshot.schema_version)
