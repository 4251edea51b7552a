"""Deliver: claim, send, settle. A delivery passes through here once for each attempt."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from flux_dispatch.domain.claim import Claim, ClaimedBatch, Release, Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId, WebhookId
from flux_dispatch.domain.outcome import Attempt, Outcome, Unsent
from flux_dispatch.domain.retry import RetryPolicy, decide
from flux_dispatch.engine.flow import failpoint, parked
from flux_dispatch.engine.flow.attempt_log import AttemptLog
from flux_dispatch.engine.flow.bulkhead import Bulkhead
from flux_dispatch.engine.flow.claimer import Claimer
from flux_dispatch.engine.flow.executor import AttemptExecutor
from flux_dispatch.engine.flow.lease_clock import LeaseClock
from flux_dispatch.engine.flow.message_progress import DeliveryResult, MessageProgress, WaiterLimit
from flux_dispatch.engine.flow.meter import AttemptMeter
from flux_dispatch.engine.flow.settler import Settler

SETTLE_TIME: Final = timedelta(seconds=2)
"""What must be left of a lease after the longest POST, so that what came of it can be committed while it holds."""

UNSENT_PAUSE: Final = timedelta(seconds=5)
"""How long a delivery rests that could not be sent for want of something of ours."""

UNSENT_REST_SECONDS: Final = 1.0
"""How long this worker then claims nothing more."""


class Deliveries(parked.Deliveries, Protocol):
    """What delivering needs of the store, beside settling."""

    async def claim(self, deliveries: Sequence[DeliveryId], saturated: Sequence[WebhookId]) -> ClaimedBatch | None:
        """Lease those that are due, unleased and of an enabled webhook; None when none of them is.

        What is due for a saturated webhook is parked instead.
        """
        ...


class Queue(Protocol):
    """What delivering needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


class Sender(Protocol):
    """What delivering needs of HTTP."""

    async def send(self, claim: Claim, timestamp: int) -> Outcome | Unsent:
        """POST one delivery, signed with this time (unix seconds); never raises."""
        ...


@dataclass(frozen=True, slots=True)
class DeliverLimits:
    """What an operator decides about delivering.

    `delivery_timeout` bounds one POST; `max_waiting_messages` is how many messages may wait for their answers at once,
    and `max_in_flight` how many POSTs this process has sockets for.
    """

    retry_policy: RetryPolicy
    delivery_timeout: timedelta
    endpoint_concurrency: int
    max_waiting_messages: int
    max_in_flight: int


@dataclass(frozen=True, slots=True)
class Load:
    """What a worker has in hand: how many deliveries it was told of and has not claimed, has claimed, and sends.

    `claimed` are those in flight, too. `saturated_webhooks` have all their places taken here.
    """

    unclaimed_first_attempts: int
    unclaimed_retries: int
    claimed: int
    in_flight: int
    saturated_webhooks: int


@dataclass(slots=True)
class _Work:
    """One attempt to be made."""

    claim: Claim
    clock: LeaseClock
    progress: MessageProgress


class Deliver:
    """Runs attempts, many at once on one event loop.

    Args:
        deliveries: the store.
        sender: POSTs.
        settler: takes what came of each.
        queue: told of what this worker leaves to others.
        limits: the operator's decisions.
    """

    def __init__(
        self, deliveries: Deliveries, sender: Sender, settler: Settler, queue: Queue, limits: DeliverLimits
    ) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._settler = settler
        self._rules = limits
        self._queue = queue
        self._bulkhead = Bulkhead(limits.endpoint_concurrency)
        self._executor = AttemptExecutor[_Work](self._attempt, limits.max_in_flight)
        self._claimer = Claimer(self._claim, self._begin, self._executor.capacity)
        self._parked = parked.Parked(deliveries, self._bulkhead, self._executor.capacity, self._begin)
        self._executor.on_capacity = self._on_capacity
        self._waiter_limit = WaiterLimit(limits.max_waiting_messages)
        self._log = AttemptLog()
        self.meter = AttemptMeter()
        self._stopping = asyncio.Event()

    @property
    def load(self) -> "Load":
        """What this worker has in hand now."""
        return Load(
            unclaimed_first_attempts=self._claimer.waiting(retries=False),
            unclaimed_retries=self._claimer.waiting(retries=True),
            claimed=self._executor.claimed,
            in_flight=self._executor.in_flight,
            saturated_webhooks=len(self._bulkhead.saturated),
        )

    def waiting(self, *, retries: bool) -> int:
        """Return of how many first attempts, or retries, this worker was told, which it has not claimed yet."""
        return self._claimer.waiting(retries=retries)

    def accounts_with_many(self, count: int, *, retries: bool) -> list[AccountId]:
        """Return the accounts of which this worker holds more first attempts, or retries, unclaimed than this."""
        return self._claimer.accounts_with_many(count, retries=retries)

    async def take_up_parked(self) -> None:
        """Begin as many parked deliveries as their webhooks have places for in this worker.

        Raises:
            Unavailable: the database is unavailable.
        """
        if not self._stopping.is_set():
            await self._parked.take_up()

    def clear_parked(self) -> None:
        """Take note that nothing is parked."""
        self._parked.clear()

    async def __call__(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int = 1
    ) -> Counter[DeliveryResult]:
        """Try these deliveries; return how many ended how, as far as it is known after a short wait.

        Args:
            deliveries: whose next attempt it is, each with its account.
            attempt: the number of that attempt, as far as the producer knew it.

        Raises:
            Unavailable: the database is unavailable; nothing was sent.
        """
        if self._stopping.is_set():
            return Counter({DeliveryResult.SKIPPED: len(deliveries)})
        progress = MessageProgress(len(deliveries))
        self._claimer.add(deliveries, progress, attempt=attempt)
        return await self._waiter_limit.wait_for(progress)

    async def stop(self) -> None:
        """Have others told of what was not claimed, give back what was not sent, and settle every POST that began."""
        self._stopping.set()
        self._bulkhead.close()
        for attempt, deliveries in (await self._claimer.close()).items():
            self._queue.enqueue_deliveries(deliveries, attempt=attempt, countdown_seconds=0)
        await self._executor.drain()
        await self._settler.drain()

    async def _claim(self, deliveries: Sequence[DeliveryId]) -> ClaimedBatch | None:
        return await self._deliveries.claim(deliveries, self._bulkhead.saturated)

    def _begin(self, claim: Claim, clock: LeaseClock, progress: MessageProgress, *, is_heavy: bool) -> None:
        self._executor.add(
            claim.account,
            _Work(claim, clock, progress),
            is_retry=claim.attempt > 1,
            is_heavy=is_heavy,
            bytes_held=claim.bytes_held,
        )

    def _on_capacity(self, accounts: Collection[AccountId] | None) -> None:
        for account in (None,) if accounts is None else accounts:
            self._claimer.resume(account)
        self._claimer.claim_next()

    async def _attempt(self, work: _Work) -> None:
        claim = work.claim
        if claim.wait_seconds > 0:
            await self._wait(claim.wait_seconds)
        if self._stopping.is_set() or not await self._bulkhead.enter(claim.webhook):
            return self._put_back(work, timedelta(0) if self._stopping.is_set() else None)
        started = time.monotonic()
        if work.clock.seconds_left(started) < (self._rules.delivery_timeout + SETTLE_TIME).total_seconds():
            self._bulkhead.leave(claim.webhook, 0)
            return self._put_back(work, timedelta(0))
        failpoint.reach("before_send", claim.body)
        outcome = await self._sender.send(claim, work.clock.unix_seconds(started))
        failpoint.reach("after_answer", claim.body)
        took_seconds = time.monotonic() - started
        self._bulkhead.leave(claim.webhook, took_seconds)
        if isinstance(outcome, Unsent):
            # others would fare no better: what is not claimed yet waits for as long as costs nothing
            self.meter.not_begun += 1
            self._executor.rest(UNSENT_REST_SECONDS)
            return self._put_back(work, UNSENT_PAUSE)
        attempt = Attempt(claim.attempt, took_seconds, outcome)
        self.meter.add(claim, work.clock, started, attempt)
        self._log.note(claim, attempt)
        decision = decide(outcome, claim.attempt, self._rules.retry_policy, recovered_after=claim.recovered_after)
        return self._settler.settle(
            Settlement(claim.account, claim.delivery, claim.lease_token, attempt, decision), work.progress.note
        )

    def _put_back(self, work: _Work, pause: timedelta | None) -> None:
        self._settler.release(Release(work.claim.delivery, work.claim.lease_token, pause), work.progress.note)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
