"""Settler: what came of attempts is committed in groups, fenced by their leases; what follows from it is enqueued."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol, TypeAlias, TypeVar, assert_never

import structlog

from flux_dispatch.domain.claim import Release, Settlement
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Outcome, Rejected, Succeeded
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.batcher import Batcher, CommitMany, Linger, commit_isolating
from flux_dispatch.engine.flow.message_progress import DeliveryResult

COMMIT_BATCH_SIZE: Final = 500
WRITE_TRIES: Final = 20
WRITE_PAUSE_SECONDS: Final = 0.5
"""While the database is unavailable, what came of an attempt is kept and written later: tries for as long as its lease
runs, about."""

OnSettled: TypeAlias = Callable[[DeliveryResult], None]
"""Called with what became of a delivery, once that is committed."""

AttemptKind: TypeAlias = tuple[ErrorClass | None, int]
"""Why an attempt failed (None: it did not), and the first digit of the receiver's status; 0 where no answer came."""

Ending = TypeVar("Ending", Settlement, Release)

log = structlog.get_logger("flux.deliver")


class Deliveries(Protocol):
    """What settling needs of the store."""

    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        """Write the ends of attempts; return those whose lease still held."""
        ...

    async def settle_unlocked(self, settlements: Sequence[Settlement]) -> tuple[set[DeliveryId], set[DeliveryId]]:
        """Write those whose rows nobody has locked; return those whose lease held, and those to be tried again."""
        ...

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        """Give leases back; return those whose lease still held."""
        ...


class Queue(Protocol):
    """What settling needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...

    def enqueue_failures(self, deliveries: Sequence[DeliveryId]) -> None:
        """Have the final-failure task run for these."""
        ...


class Settler:
    """Ends leases.

    Args:
        deliveries: the store.
        queue: told after a commit what more is to be done.
        horizon: retries due within it are enqueued at once with their countdown; later ones are left to the sweeper.
    """

    def __init__(self, deliveries: Deliveries, queue: Queue, horizon: timedelta) -> None:
        self._deliveries = deliveries
        self._queue = queue
        self._horizon = horizon
        self._ends = Counter[int | AttemptKind]()
        self._settled = Batcher[tuple[Settlement, OnSettled]](
            self._settle_group, most=COMMIT_BATCH_SIZE, max_concurrent=1, linger=Linger()
        )
        self._released = Batcher[tuple[Release, OnSettled]](
            self._release_group, most=COMMIT_BATCH_SIZE, max_concurrent=1, linger=Linger()
        )

    @property
    def attempts(self) -> Counter[AttemptKind]:
        """How many attempts were written, by how they went."""
        counts = Counter[AttemptKind]()
        for end, count in self._ends.copy().items():
            counts[(None, end // 100) if isinstance(end, int) else end] += count
        return counts

    def settle(self, settlement: Settlement, note: OnSettled) -> None:
        """Have the end of an attempt written, and what follows enqueued."""
        self._settled.put((settlement, note))

    def release(self, release: Release, note: OnSettled) -> None:
        """Have a lease given back."""
        self._released.put((release, note))

    async def drain(self) -> None:
        """Return when everything is committed that was handed in."""
        await asyncio.gather(self._settled.drain(), self._released.drain())

    async def _settle_group(self, group: list[tuple[Settlement, OnSettled]]) -> None:
        held = await _written(self._settle, self._settle_unlocked, [settlement for settlement, _ in group])
        failpoint.reach("after_commit")
        settled = [settlement for (settlement, _), is_held in zip(group, held, strict=True) if is_held]
        self._enqueue(settled)
        # successes by their status: most are, and each delivery comes through here
        self._ends.update(
            [
                outcome.status if type(outcome := each.attempt.outcome) is Succeeded else _kind(outcome)
                for each in settled
            ]
        )
        for (settlement, note), is_held in zip(group, held, strict=True):
            note(_word(settlement.decision) if is_held else DeliveryResult.LEASE_LOST)

    async def _release_group(self, group: list[tuple[Release, OnSettled]]) -> None:
        await _written(self._release, self._release, [release for release, _ in group])
        for _, note in group:
            note(DeliveryResult.RELEASED)

    async def _settle(self, settlements: list[Settlement]) -> list[bool]:
        held = await self._deliveries.settle(settlements)
        return [each.delivery in held for each in settlements]

    async def _settle_unlocked(self, settlements: list[Settlement]) -> list[bool | Exception]:
        held, locked = await self._deliveries.settle_unlocked(settlements)
        again = Unavailable("The row is locked by somebody else.")
        return [again if each.delivery in locked else each.delivery in held for each in settlements]

    async def _release(self, releases: list[Release]) -> list[bool]:
        held = await self._deliveries.release(releases)
        return [each.delivery in held for each in releases]

    def _enqueue(self, settlements: list[Settlement]) -> None:
        exhausted = []
        soon: dict[tuple[int, timedelta], list[tuple[AccountId, DeliveryId]]] = {}
        for each in settlements:
            match each.decision:
                case GiveUp():
                    exhausted.append(each.delivery)
                case RetryAfter(delay) if delay <= self._horizon:
                    soon.setdefault((each.attempt.number + 1, delay), []).append((each.account, each.delivery))
        if exhausted:
            self._queue.enqueue_failures(exhausted)
        for (attempt, delay), deliveries in soon.items():
            self._queue.enqueue_deliveries(deliveries, attempt=attempt, countdown_seconds=delay.total_seconds())


async def _written(
    write: CommitMany[Ending, bool], rewrite: CommitMany[Ending, bool | Exception], endings: list[Ending]
) -> list[bool]:
    """Write, patiently; say of each whether its lease held: none does, if the database is unavailable for too long.

    After the first failure `rewrite` is used, which waits for no row: one that is locked for long must not keep the
    others until their leases have ended.
    """
    held = [False] * len(endings)
    waiting = list(range(len(endings)))
    for number_of_try in range(WRITE_TRIES):
        writing: CommitMany[Ending, Any] = rewrite if number_of_try else write
        results = await commit_isolating(writing, [endings[number] for number in waiting])
        again = []
        for number, result in zip(waiting, results, strict=True):
            if isinstance(result, Unavailable):
                again.append(number)
            elif isinstance(result, Exception):
                _log_unwritten(endings[number], result)
            else:
                held[number] = result
        if not again:
            return held
        waiting = again
        await asyncio.sleep(WRITE_PAUSE_SECONDS)
    log.error(
        "settlement.abandoned", count=len(waiting), consequence="attempts were made that could not be noted: made again"
    )
    return held


def _log_unwritten(ending: Settlement | Release, error: Exception) -> None:
    log.error(
        "settlement.failed",
        delivery=ending.delivery,
        consequence="an attempt was made that could not be noted: it is made again when its lease ends",
        exc_info=error,
    )


def _kind(outcome: Outcome) -> AttemptKind:
    match outcome:
        case Succeeded(status):
            return None, status // 100
        case Rejected(status):
            return ErrorClass.HTTP_STATUS, status // 100
        case NoResponse(error):
            return error, 0
        case _:
            assert_never(outcome)


def _word(decision: Decision) -> DeliveryResult:
    match decision:
        case Done():
            return DeliveryResult.DELIVERED
        case RetryAfter():
            return DeliveryResult.RETRYING
        case GiveUp():
            return DeliveryResult.EXHAUSTED
        case _:
            assert_never(decision)
