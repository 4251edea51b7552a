"""Deliver: claim, send, settle. A delivery passes through here once for each attempt."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from flux_dispatch.domain.claim import Claim, Lease, Release, Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outcome import Attempt, Outcome, Unsent
from flux_dispatch.domain.retry import RetryTable, decide
from flux_dispatch.engine import failpoint
from flux_dispatch.engine.attempt_log import AttemptLog
from flux_dispatch.engine.batch import Batch, WaitingRoom, Word
from flux_dispatch.engine.bulkhead import Bulkhead
from flux_dispatch.engine.claiming import Claiming
from flux_dispatch.engine.dispatch import Dispatch
from flux_dispatch.engine.lease_clock import LeaseClock
from flux_dispatch.engine.settling import Settling

UNSENT_PAUSE: Final = timedelta(seconds=5)
"""How long a delivery rests that could not be sent for want of something of ours."""


class Deliveries(Protocol):
    """What delivering needs of the store, beside settling."""

    async def claim(self, deliveries: Sequence[DeliveryId]) -> Lease | None:
        """Lease those that are due, unleased and of an enabled webhook; None when none of them is."""
        ...


class Bell(Protocol):
    """What delivering needs of the broker: never waits, never fails."""

    def deliver(
        self, deliveries: Sequence[DeliveryId], *, attempt: int, countdown_seconds: float, account: AccountId | None
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


class Sender(Protocol):
    """What delivering needs of HTTP."""

    async def send(self, claim: Claim, timestamp: int) -> Outcome | Unsent:
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
    clock: LeaseClock
    batch: Batch


class Deliver:
    """Runs attempts, many at once on one event loop.

    Args:
        deliveries: the store.
        sender: POSTs.
        settling: takes what came of each.
        bell: rung for what this worker was told of and leaves to others.
        rules: the operator's decisions.
    """

    def __init__(self, deliveries: Deliveries, sender: Sender, settling: Settling, bell: Bell, rules: Rules) -> None:
        self._sender = sender
        self._settling = settling
        self._rules = rules
        self._bell = bell
        self._bulkhead = Bulkhead(rules.endpoint_concurrency)
        self._dispatch = Dispatch[_Work](self._attempt)
        self._claiming = Claiming(deliveries.claim, self._begin, self._dispatch.room)
        self._dispatch.made_room = self._claiming.look
        self._waiting_room = WaitingRoom(rules.most_waiting)
        self._log = AttemptLog()
        self._stopping = asyncio.Event()

    def waiting(self, *, retries: bool) -> int:
        """Return of how many first attempts, or retries, this worker was told, which it has not claimed yet."""
        return self._claiming.waiting(retries=retries)

    async def __call__(
        self, deliveries: Sequence[DeliveryId], *, attempt: int = 1, account: AccountId | None = None
    ) -> Counter[Word]:
        """Try these deliveries; return how many ended how, as far as it is known after a short wait.

        Args:
            deliveries: whose next attempt it is.
            attempt: the number of that attempt, as far as the ringer knew it.
            account: whose they are, when they are all of one account.

        Raises:
            Unavailable: the database is away; nothing was sent.
        """
        if self._stopping.is_set():
            return Counter({Word.SKIPPED: len(deliveries)})
        batch = Batch(len(deliveries))
        self._claiming.add(deliveries, batch, account=account, attempt=attempt)
        return await self._waiting_room.wait_for(batch)

    async def stop(self) -> None:
        """Have others told of what was not claimed, give back what was not sent, and settle every POST that began."""
        self._stopping.set()
        self._bulkhead.close()
        for (account, attempt), deliveries in (await self._claiming.close()).items():
            self._bell.deliver(deliveries, attempt=attempt, countdown_seconds=0, account=account)
        await self._dispatch.all_ended()
        await self._settling.all_written()

    def _begin(self, claim: Claim, clock: LeaseClock, batch: Batch, *, is_flood: bool) -> None:
        self._dispatch.add(claim.account, _Work(claim, clock, batch), is_retry=claim.attempt > 1, is_flood=is_flood)

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
        if isinstance(outcome, Unsent):
            return self._put_back(work, UNSENT_PAUSE)
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
