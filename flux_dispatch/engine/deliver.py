"""Deliver: claim, send, settle. A delivery passes through here once for each attempt."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol, assert_never

import structlog

from flux_dispatch.domain.claim import Claim, Lease, Release, Settlement
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import DeliveryId
from flux_dispatch.domain.outcome import Attempt, Outcome, recorded
from flux_dispatch.domain.retry import Decision, Done, GiveUp, RetryAfter, RetryTable, decide
from flux_dispatch.engine import failpoint
from flux_dispatch.engine.bulkhead import Bulkhead
from flux_dispatch.engine.grouping import Grouped
from flux_dispatch.engine.under_way import UnderWay

MOST_IN_ONE_COMMIT: Final = 500
GATHER_SECONDS: Final = 0.005
"""How long a settled attempt waits for others to share its commit."""

WRITE_TRIES: Final = 20
WRITE_PAUSE_SECONDS: Final = 0.5
"""While the database is away, what came of an attempt is kept and tried again, for about as long as its lease runs."""

log = structlog.get_logger("flux.deliver")


class Word(StrEnum):
    """What became of a delivery in this message, as the task's result says it."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    EXHAUSTED = "exhausted"
    PUT_BACK = "put back"
    LEASE_LOST = "lease lost"
    SENDING = "still sending"
    SKIPPED = "skipped"


class Deliveries(Protocol):
    """What delivering needs of the store."""

    async def claim(self, deliveries: Sequence[DeliveryId]) -> Lease | None:
        """Lease those that are due, unleased and of an enabled webhook; None when none of them is."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        """Write the ends of attempts; return those whose token still held."""
        ...

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        """Give leases back; return those whose token still held."""
        ...


class Sender(Protocol):
    """What delivering needs of HTTP."""

    async def send(self, claim: Claim, timestamp: int) -> Outcome:
        """POST one delivery, signed with this time (unix seconds); never raises."""
        ...


class Bell(Protocol):
    """What delivering needs of the broker: never waits, never fails."""

    def deliver(self, deliveries: Sequence[DeliveryId], *, attempt: int, countdown_seconds: float) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...

    def fail(self, deliveries: Sequence[DeliveryId]) -> None:
        """Have the final-failure task run for these."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator decides about delivering.

    Retries due within `horizon` are rung at once with their countdown; later ones are left to the planner.
    `longest_post` bounds one POST; `most_waiting` is how many messages may wait for their answers at once.
    """

    table: RetryTable
    longest_post: timedelta
    endpoint_concurrency: int
    horizon: timedelta
    most_waiting: int


class Deliver:
    """Runs attempts, many at once on one event loop.

    Args:
        deliveries: the store.
        sender: POSTs.
        bell: rung after a commit that asks for more work.
        rules: the operator's decisions.
    """

    def __init__(self, deliveries: Deliveries, sender: Sender, bell: Bell, rules: Rules) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._bell = bell
        self._rules = rules
        self._bulkhead = Bulkhead(rules.endpoint_concurrency)
        self._settle = Grouped[Settlement, Word](
            self._commit, most=MOST_IN_ONE_COMMIT, lanes=2, linger_seconds=GATHER_SECONDS
        )
        self._release = Grouped[Release, Word](
            self._give_back, most=MOST_IN_ONE_COMMIT, lanes=1, linger_seconds=GATHER_SECONDS
        )
        self._under_way = UnderWay[Word](rules.most_waiting)
        self._stopping = asyncio.Event()

    async def __call__(self, deliveries: Sequence[DeliveryId]) -> Counter[Word]:
        """Try these deliveries; return how many ended how, as far as it is known after a short wait.

        Raises:
            Unavailable: the database is away; nothing was sent.
        """
        await self._under_way.room()
        if self._stopping.is_set():
            return Counter({Word.SKIPPED: len(deliveries)})
        failpoint.reach("before_claim")
        asked = time.monotonic()
        lease = await self._deliveries.claim(deliveries)
        failpoint.reach("after_claim")
        if lease is None:
            return Counter({Word.SKIPPED: len(deliveries)})
        clock = _LeaseClock(lease, asked)
        tasks = [self._under_way.start(self._attempt(claim, clock)) for claim in lease.claims]
        words = Counter(await self._under_way.wait_for(tasks))
        words[Word.SENDING] += len(tasks) - words.total()
        words[Word.SKIPPED] += len(deliveries) - len(tasks)
        return +words

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write the ends of attempts that were made elsewhere, and ring for what follows."""
        await asyncio.gather(*(self._settle(each) for each in settlements))

    async def stop(self) -> None:
        """Give back what was not sent yet, and return when every POST that was begun has been settled."""
        self._stopping.set()
        self._bulkhead.close()
        await self._under_way.all_ended()

    async def _attempt(self, claim: Claim, clock: "_LeaseClock") -> Word:
        if claim.wait_seconds > 0:
            await self._wait(claim.wait_seconds)
        if self._stopping.is_set() or not await self._bulkhead.enter(claim.webhook):
            return await self._put_back(claim, self._bulkhead.pause(claim.webhook))
        started = time.monotonic()
        if clock.seconds_left(started) < self._rules.longest_post.total_seconds():
            self._bulkhead.leave(claim.webhook, 0)
            return await self._put_back(claim, timedelta(0))
        failpoint.reach("before_send", claim.body)
        outcome = await self._sender.send(claim, clock.unix_seconds(started))
        failpoint.reach("after_answer", claim.body)
        took_seconds = time.monotonic() - started
        self._bulkhead.leave(claim.webhook, took_seconds)
        attempt = Attempt(claim.attempt, took_seconds, outcome)
        decision = decide(outcome, claim.attempt, self._rules.table)
        _log_attempt(claim, attempt, decision)
        return await self._settle(Settlement(claim.delivery, claim.token, attempt, decision))

    async def _put_back(self, claim: Claim, pause: timedelta) -> Word:
        return await self._release(Release(claim.delivery, claim.token, pause))

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _commit(self, settlements: list[Settlement]) -> list[Word]:
        held = await self._written(lambda: self._deliveries.settle(settlements))
        failpoint.reach("after_commit")
        self._ring([each for each in settlements if each.delivery in held])
        return [_word(each.decision) if each.delivery in held else Word.LEASE_LOST for each in settlements]

    def _ring(self, settlements: list[Settlement]) -> None:
        exhausted = []
        soon: dict[tuple[int, timedelta], list[DeliveryId]] = {}
        for each in settlements:
            match each.decision:
                case GiveUp():
                    exhausted.append(each.delivery)
                case RetryAfter(delay) if delay <= self._rules.horizon:
                    soon.setdefault((each.attempt.number + 1, delay), []).append(each.delivery)
        if exhausted:
            self._bell.fail(exhausted)
        for (attempt, delay), deliveries in soon.items():
            self._bell.deliver(deliveries, attempt=attempt, countdown_seconds=delay.total_seconds())

    async def _give_back(self, releases: list[Release]) -> list[Word]:
        await self._written(lambda: self._deliveries.release(releases))
        return [Word.PUT_BACK] * len(releases)

    async def _written(self, write: Callable[[], Awaitable[Collection[DeliveryId]]]) -> Collection[DeliveryId]:
        """Write, patiently; return what held its lease, nothing if the database stays away until no lease does."""
        for _ in range(WRITE_TRIES):
            try:
                return await write()
            except Unavailable:
                await asyncio.sleep(WRITE_PAUSE_SECONDS)
        log.error("database.away", consequence="attempts were made that could not be noted, and will be made again")
        return []


class _LeaseClock:
    """What a lease says of time, carried on by this process's monotonic clock.

    Signatures carry the database's time, so a worker whose clock is off signs well; and no POST begins that might
    outlast its lease, for instance after the whole process was frozen.
    """

    def __init__(self, lease: Lease, asked: float) -> None:
        self._database_offset = lease.at.timestamp() - time.monotonic()
        self._ends = asked + lease.seconds

    def unix_seconds(self, monotonic: float) -> int:
        return int(self._database_offset + monotonic)

    def seconds_left(self, monotonic: float) -> float:
        return self._ends - monotonic


def _word(decision: Decision) -> Word:
    match decision:
        case Done():
            return Word.DELIVERED
        case RetryAfter():
            return Word.RETRYING
        case GiveUp():
            return Word.EXHAUSTED
        case _:
            assert_never(decision)


def _log_attempt(claim: Claim, attempt: Attempt, decision: Decision) -> None:
    record = recorded(attempt.outcome)
    log.info(
        "delivery.attempted",
        decision=_word(decision),
        status=record.status,
        error=record.error,
        attempt=attempt.number,
        milliseconds=round(attempt.duration_seconds * 1000, 1),
        delivery=claim.delivery,
        event_id=claim.event,
        webhook=claim.webhook,
    )
