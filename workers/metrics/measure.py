"""How the whole installation is measured: the database, the broker's queues, and the workers that answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from config.celeryconfig import PRIORITIES, QUEUES
from flux_dispatch.domain.delivery import OPEN
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.store.snapshot import SnapshotQueries
from workers.metrics.exporter import Measured
from workers.worker_ping import WorkerPing

UNACKNOWLEDGED: Final = "unacked"
"""Where kombu keeps what workers have taken and not acknowledged."""

_Questions: TypeAlias = Mapping[str, Callable[[], Awaitable[list[Measured]]]]
"""What the database is asked, each by the name of what it is asked for first."""

log = structlog.get_logger("flux.metrics")


class Measurement:
    """Measures; what cannot be asked is left out, and keeps nothing else from being told.

    Args:
        snapshots: asks the database.
        redis: the broker's Redis.
        workers: asks the workers.
    """

    def __init__(self, snapshots: SnapshotQueries, redis: "Redis", workers: WorkerPing) -> None:
        self._snapshots = snapshots
        self._redis = redis
        self._workers = workers
        self._of_deliveries: _Questions = {
            "flux_deliveries": self._backlog,
            "flux_oldest_due_seconds": self._oldest_due,
            "flux_parked_deliveries": self._parked,
        }
        self._of_others: _Questions = {
            "flux_outbox_events": self._outbox,
            "flux_operator_channels_failing": self._channels,
            "flux_schema_version": self._schema,
        }
        self._missing: list[str] = []

    async def __call__(self) -> Sequence[Measured]:
        """Return what is measured now."""
        asking = asyncio.create_task(self._workers.ask())
        causes: dict[str, str] = {}
        # two at a time: a locked table takes its time limit for each question, and few connections are for reading
        deliveries, others = await asyncio.gather(
            self._ask(self._of_deliveries, causes), self._ask(self._of_others, causes)
        )
        self._say(causes)
        queues = await self._queues()
        answering = await asking
        workers = [] if answering.workers is None else [Measured("flux_workers", len(answering.workers))]
        return [*deliveries, *others, *queues, *workers]

    async def _ask(self, questions: _Questions, causes: dict[str, str]) -> list[Measured]:
        measured: list[Measured] = []
        for name, question in questions.items():
            try:
                measured += await question()
            except Unavailable as error:
                causes[name] = error.cause
        return measured

    def _say(self, causes: Mapping[str, str]) -> None:
        """Say what is missing, once for all the time that it is."""
        missing = sorted(causes)
        if missing and missing != self._missing:
            log.warning(
                "metrics.not_measured",
                figures=missing,
                cause=causes[missing[0]],
                consequence="they are told as they were for a minute, then left out",
            )
        elif self._missing and not missing:
            log.info("metrics.measured_again", figures=self._missing)
        self._missing = missing

    async def _backlog(self) -> list[Measured]:
        backlog = await self._snapshots.backlog()
        of_states = [
            Measured("flux_deliveries", backlog.by_state.get(state, 0), (str(state),)) for state in sorted(OPEN)
        ]
        return [*of_states, Measured("flux_deliveries_uncounted", int(backlog.is_more))]

    async def _oldest_due(self) -> list[Measured]:
        return [Measured("flux_oldest_due_seconds", await self._snapshots.oldest_due_seconds())]

    async def _parked(self) -> list[Measured]:
        return [Measured("flux_parked_deliveries", await self._snapshots.parked())]

    async def _outbox(self) -> list[Measured]:
        found = await self._snapshots.outbox()
        return [
            Measured("flux_outbox_events", found.waiting, ("waiting",)),
            Measured("flux_outbox_events", found.refused, ("refused",)),
            Measured("flux_outbox_oldest_seconds", found.oldest_seconds),
        ]

    async def _channels(self) -> list[Measured]:
        return [Measured("flux_operator_channels_failing", await self._snapshots.failing_operator_channels())]

    async def _schema(self) -> list[Measured]:
        return [Measured("flux_schema_version", await self._snapshots.schema_version())]

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
