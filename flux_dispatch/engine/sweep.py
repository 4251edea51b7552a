"""Sweep: find what is due soon or was forgotten, and enqueue it; every worker sweeps, and none relies on another."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol, cast

import structlog

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId, Prefix, format_id
from flux_dispatch.domain.outcome import Attempt, ErrorClass, NoResponse
from flux_dispatch.domain.retry import RetryPolicy, decide
from flux_dispatch.domain.sweep import BEGINNING, DueGroup, NextDue, SweepAction, SweptDelivery, share_out
from flux_dispatch.engine.flow.settler import Settler

MAX_SLEEP_SECONDS: Final = 5.0
MIN_SLEEP_SECONDS: Final = 0.05
BUSY_SLEEP_SECONDS: Final = 0.25
"""The pause while messages wait in the broker, or while all that is due waits in this worker: what a sweep would find
is on its way already."""

PARKED_SLEEP_SECONDS: Final = 0.25
"""The pause while deliveries wait for places of their webhooks."""

SWEEP_BATCH_SIZE: Final = 250
"""A sweep of many would keep the loop, and whoever is being sent to, waiting. This much every 50 milliseconds is 5,000
a second, by each worker."""

MAX_WHILE_BUSY: Final = 100
"""While messages wait in the broker: enough for whoever has a few, and no food for the backlog of whoever has many."""

MAX_GROUPS: Final = 250
"""How many pairs of second and account one sweep goes through."""

PAGE_SIZE: Final = 2000
"""How many deliveries one sweep goes through in search of those that a dead worker left among what waits."""

BACKLOG_MESSAGES: Final = 50
"""From this many waiting messages on, what was enqueued and not claimed is late, not lost."""

HELD_FROM: Final = 2500
"""What an account has due is left alone while this worker holds more than so much of it unclaimed: it is late, not
lost, and enqueueing it again would feed its backlog. Sending so much takes half a second, longer than until the next
sweep."""

COUNTDOWN_STEP_SECONDS: Final = 0.05
"""Retries due within one step share a message, which comes at the step's end: none is early, none 50 ms late."""

MARGIN: Final = timedelta(seconds=5)
WHOLE_SWEEP_SECONDS: Final = 60.0
"""A sweep begins a margin before where the last one found the first. What appears before that, because its transaction
took longer to commit, is found by a sweep of the whole, once in so many seconds."""

_FIRST_DELIVERY: Final = cast(DeliveryId, format_id(Prefix.DELIVERY, "0" * 32))

log = structlog.get_logger("flux.sweep")


class Deliveries(Protocol):
    """What sweeping needs of the store."""

    async def next_due(self, *, first_attempts_since: datetime, retries_since: datetime) -> NextDue:
        """Say when there is something to sweep since then; changes nothing."""
        ...

    async def due_groups(self, *, retries: bool, after: DueGroup, limit: int) -> list[DueGroup]:
        """Return up to `limit` groups whose time has come, the longest overdue first."""
        ...

    async def sweep(self, shares: Sequence[tuple[DueGroup, int]], *, retries: bool) -> list[SweptDelivery]:
        """Sweep so many of each group, in one transaction, skipping what others sweep."""
        ...

    async def sweep_stranded(
        self, *, retries: bool, after: tuple[DueGroup, DeliveryId], limit: int
    ) -> tuple[list[SweptDelivery], tuple[DueGroup, DeliveryId] | None]:
        """Look only at what is leased or exhausted among up to `limit` due deliveries; say where that page ended."""
        ...

    async def unsent_alerts(self) -> list[AlertId]:
        """Return alerts whose task seems lost."""
        ...


class Queue(Protocol):
    """What sweeping needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...

    def enqueue_failures(self, deliveries: Sequence[DeliveryId]) -> None:
        """Have the final-failure task run for these."""
        ...

    def enqueue_alerts(self, alerts: Sequence[AlertId]) -> None:
        """Have these alerts sent."""
        ...

    async def depth(self, *, retries: bool) -> int:
        """Return how many messages of first attempts, or of retries, wait; 0 when the broker does not say."""
        ...


class Delivering(Protocol):
    """What sweeping needs of delivering in this worker."""

    def accounts_with_many(self, count: int, *, retries: bool) -> list[AccountId]:
        """Return the accounts of which this worker holds more first attempts, or retries, unclaimed than this."""
        ...

    async def take_up_parked(self) -> None:
        """Begin as many parked deliveries as their webhooks have places for in this worker."""
        ...

    def clear_parked(self) -> None:
        """Take note that nothing is parked."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """What a sweep may find to be done in this worker, without a message."""

    delivering: Delivering
    fan_out: Callable[[], Awaitable[int]]


@dataclass
class _Lane:
    """First attempts or retries, and how far the sweeps have come in them.

    Attributes:
        since: nothing is due before this.
        after: the group that the last sweep ended with; None when it came to the end of all that is due.
        page: where the last search for what is stranded ended; None as above.
    """

    retries: bool
    since: datetime = BEGINNING.second
    after: DueGroup | None = None
    page: tuple[DueGroup, DeliveryId] | None = None


class Sweep:
    """The sweeper's step.

    Args:
        deliveries: the store.
        queue: told of what is found.
        settler: takes the attempts whose workers died once too often.
        retry_policy: decides what follows those.
        work: what is done in this worker.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        queue: Queue,
        settler: Settler,
        retry_policy: RetryPolicy,
        work: Work,
    ) -> None:
        self._deliveries = deliveries
        self._queue = queue
        self._settler = settler
        self._retry_policy = retry_policy
        self._delivering = work.delivering
        self._fan_out = work.fan_out
        self._first_attempts = _Lane(retries=False)
        self._retries = _Lane(retries=True)
        self._whole_sweep_at = 0.0
        self.swept = Counter[SweepAction]()
        """How many deliveries were swept here, by what was done about them."""

    async def run_once(self) -> float:
        """Sweep once, act on what is found, and return after how many seconds to sweep again.

        Raises:
            Unavailable: the database is unavailable.
        """
        next_due = await self._deliveries.next_due(
            first_attempts_since=self._first_attempts.since, retries_since=self._retries.since
        )
        if next_due.unsent_alerts:
            self._queue.enqueue_alerts(await self._deliveries.unsent_alerts())
        pauses = [await self._sweep_lane(lane, next_due) for lane in (self._first_attempts, self._retries)]
        self._begin_next_sweep(next_due)
        if next_due.has_fan_outs:
            await self._fan_out()
            pauses.append(MIN_SLEEP_SECONDS)
        if next_due.has_parked:
            await self._delivering.take_up_parked()
            pauses.append(PARKED_SLEEP_SECONDS)
        else:
            self._delivering.clear_parked()
        return min(pauses)

    async def _sweep_lane(self, lane: _Lane, next_due: NextDue) -> float:
        first = next_due.of(retries=lane.retries)
        if first is None:
            return MAX_SLEEP_SECONDS
        if first > next_due.now:
            return min(max((first - next_due.now).total_seconds(), MIN_SLEEP_SECONDS), MAX_SLEEP_SECONDS)
        is_busy = await self._queue.depth(retries=lane.retries) >= BACKLOG_MESSAGES
        found = await self._sweep_next(lane, MAX_WHILE_BUSY if is_busy else SWEEP_BATCH_SIZE)
        return BUSY_SLEEP_SECONDS if is_busy or not found else MIN_SLEEP_SECONDS

    async def _sweep_next(self, lane: _Lane, most: int) -> int:
        """Look at the next groups, in turns of their accounts, but not at those of which enough waits here."""
        held = set(self._delivering.accounts_with_many(HELD_FROM, retries=lane.retries))
        after = lane.after or replace(BEGINNING, second=lane.since)
        groups = await self._deliveries.due_groups(retries=lane.retries, after=after, limit=MAX_GROUPS)
        lane.after = groups[-1] if len(groups) == MAX_GROUPS else None
        found = []
        if shares := share_out([group for group in groups if group.account not in held], most):
            found = await self._deliveries.sweep(shares, retries=lane.retries)
        if held:
            found += await self._sweep_stranded(lane)
        self._act_on(found)
        return len(found)

    async def _sweep_stranded(self, lane: _Lane) -> list[SweptDelivery]:
        """Look for what dead workers left behind, page by page through all that is due."""
        after = lane.page or (replace(BEGINNING, second=lane.since), _FIRST_DELIVERY)
        found, lane.page = await self._deliveries.sweep_stranded(retries=lane.retries, after=after, limit=PAGE_SIZE)
        return found

    def _begin_next_sweep(self, next_due: NextDue) -> None:
        """Set where the next sweep begins."""
        # by this process's clock: the database's may jump, when another server takes over
        is_whole = time.monotonic() >= self._whole_sweep_at
        if is_whole:
            self._whole_sweep_at = time.monotonic() + WHOLE_SWEEP_SECONDS
        for lane in (self._first_attempts, self._retries):
            first = next_due.of(retries=lane.retries) or next_due.now
            lane.since = BEGINNING.second if is_whole else min(first, next_due.now) - MARGIN

    def _act_on(self, swept: Sequence[SweptDelivery]) -> None:
        self.swept.update(each.action for each in swept)
        _log(swept)
        self._queue.enqueue_failures([each.delivery for each in swept if each.action is SweepAction.EXHAUSTED])
        for (attempt, countdown_seconds), theirs in _messages(swept).items():
            self._queue.enqueue_deliveries(theirs, attempt=attempt, countdown_seconds=countdown_seconds)
        for each in swept:
            if each.action is SweepAction.WORKER_LOST:
                self._settler.settle(self._lost(each), note=_nobody_waits)

    def _lost(self, swept: SweptDelivery) -> Settlement:
        outcome = NoResponse(ErrorClass.WORKER_LOST, "The worker that sent it died, several times over.")
        attempt = Attempt(swept.attempt, 0, outcome)
        return Settlement(
            swept.account,
            swept.delivery,
            swept.lease_token or "",
            attempt,
            decide(outcome, swept.attempt, self._retry_policy, recovered_after=swept.recovered_after),
        )


def _nobody_waits(_: object) -> None:
    """Nobody waits for the end of an attempt whose worker is dead."""


def _messages(swept: Sequence[SweptDelivery]) -> dict[tuple[int, float], list[tuple[AccountId, DeliveryId]]]:
    """Group what is to be enqueued by attempt and by countdown, rounded up to a step."""
    messages: dict[tuple[int, float], list[tuple[AccountId, DeliveryId]]] = {}
    for each in swept:
        if each.action in {SweepAction.ENQUEUE, SweepAction.RESCUED}:
            steps = -(-max(each.due_in_seconds, 0) // COUNTDOWN_STEP_SECONDS)
            message = messages.setdefault((each.attempt, steps * COUNTDOWN_STEP_SECONDS), [])
            message.append((each.account, each.delivery))
    return messages


def _log(swept: Sequence[SweptDelivery]) -> None:
    for action in (SweepAction.RESCUED, SweepAction.WORKER_LOST, SweepAction.CANCELED):
        deliveries = [each.delivery for each in swept if each.action is action]
        if deliveries:
            log.warning("deliveries.swept", action=action, count=len(deliveries), first=deliveries[0])
