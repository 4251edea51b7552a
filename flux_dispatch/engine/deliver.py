"""Deliver: claim, send, settle. A delivery passes through here once for each attempt."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from flux_dispatch.domain.claim import Claim, Lease, Release, Settlement
from flux_dispatch.domain.ids import DeliveryId
from flux_dispatch.domain.outcome import Attempt, Outcome
from flux_dispatch.domain.retry import RetryTable, decide
from flux_dispatch.engine import failpoint
from flux_dispatch.engine.attempt_log import AttemptLog
from flux_dispatch.engine.batch import Batch, WaitingRoom, Word
from flux_dispatch.engine.bulkhead import Bulkhead
from flux_dispatch.engine.dispatch import Dispatch
from flux_dispatch.engine.settling import Settling


class Deliveries(Protocol):
    """What delivering needs of the store, beside settling."""

    async def claim(self, deliveries: Sequence[DeliveryId]) -> Lease | None:
        """Lease those that are due, unleased and of an enabled webhook; None when none of them is."""
        ...


class Sender(Protocol):
    """What delivering needs of HTTP."""

    async def send(self, claim: Claim, timestamp: int) -> Outcome:
        """POST one delivery, signed with this time (unix seconds); never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator decides about delivering.

    `longest_post` bounds one POST; `most_waiting` is how many messages may wait for their answers at once.
    """

    table: RetryTable
    longest_post: timedelta
    endpoint_concurrency: int
    most_waiting: int


@dataclass(slots=True)
class _Work:
    """One attempt to be made."""

    claim: Claim
    clock: "_LeaseClock"
    batch: Batch


class Deliver:
    """Runs attempts, many at once on one event loop.

    Args:
        deliveries: the store.
        sender: POSTs.
        settling: takes what came of each.
        rules: the operator's decisions.
    """

    def __init__(self, deliveries: Deliveries, sender: Sender, settling: Settling, rules: Rules) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._settling = settling
        self._rules = rules
        self._bulkhead = Bulkhead(rules.endpoint_concurrency)
        self._dispatch = Dispatch[_Work](self._attempt)
        self._waiting_room = WaitingRoom(rules.most_waiting)
        self._log = AttemptLog()
        self._stopping = asyncio.Event()

    async def __call__(self, deliveries: Sequence[DeliveryId]) -> Counter[Word]:
        """Try these deliveries; return how many ended how, as far as it is known after a short wait.

        Raises:
            Unavailable: the database is away; nothing was sent.
        """
        await self._dispatch.room()
        if self._stopping.is_set():
            return Counter({Word.SKIPPED: len(deliveries)})
        failpoint.reach("before_claim")
        asked = time.monotonic()
        lease = await self._deliveries.claim(deliveries)
        failpoint.reach("after_claim")
        if lease is None:
            return Counter({Word.SKIPPED: len(deliveries)})
        clock = _LeaseClock(lease, asked)
        batch = Batch(len(deliveries), len(lease.claims))
        for claim in lease.claims:
            self._dispatch.add(claim.account, _Work(claim, clock, batch), is_retry=claim.attempt > 1)
        return await self._waiting_room.wait_for(batch)

    async def stop(self) -> None:
        """Give back what was not sent yet, and return when every POST that was begun has been settled."""
        self._stopping.set()
        self._bulkhead.close()
        await self._dispatch.all_ended()
        await self._settling.all_written()

    async def _attempt(self, work: _Work) -> None:
        claim = work.claim
        if claim.wait_seconds > 0:
            await self._wait(claim.wait_seconds)
        if self._stopping.is_set() or not await self._bulkhead.enter(claim.webhook):
            return self._put_back(work, self._bulkhead.pause(claim.webhook))
        started = time.monotonic()
        if work.clock.seconds_left(started) < self._rules.longest_post.total_seconds():
            self._bulkhead.leave(claim.webhook, 0)
            return self._put_back(work, timedelta(0))
        failpoint.reach("before_send", claim.body)
        outcome = await self._sender.send(claim, work.clock.unix_seconds(started))
        failpoint.reach("after_answer", claim.body)
        took_seconds = time.monotonic() - started
        self._bulkhead.leave(claim.webhook, took_seconds)
        attempt = Attempt(claim.attempt, took_seconds, outcome)
        self._log.note(claim, attempt)
        decision = decide(outcome, claim.attempt, self._rules.table)
        return self._settling.settle(Settlement(claim.delivery, claim.token, attempt, decision), work.batch.note)

    def _put_back(self, work: _Work, pause: timedelta) -> None:
        self._settling.release(Release(work.claim.delivery, work.claim.token, pause), work.batch.note)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


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
