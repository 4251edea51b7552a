"""Plan: find what is due soon or was forgotten, and have it rung; every worker plans, and none relies on another."""

from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.finding import Finding, Found, Horizon
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.domain.outcome import Attempt, ErrorClass, Unanswered
from flux_dispatch.domain.retry import RetryTable, decide
from flux_dispatch.engine.settling import Settling

LONGEST_SLEEP_SECONDS: Final = 5.0
SHORTEST_SLEEP_SECONDS: Final = 0.05
BUSY_SLEEP_SECONDS: Final = 1.0
"""The pause while a backlog is worked off: there is nothing to hurry for."""

MOST_IN_ONE_LOOK: Final = 250
"""A look at many would keep the loop, and whoever is being sent to, waiting. This much every 50 milliseconds is 5,000 a
second, by each worker."""

BACKLOG_MESSAGES: Final = 50
BACKLOG_DELIVERIES: Final = 5000
"""From this many waiting messages on, or of deliveries that this worker holds unclaimed, what was rung and not claimed
is late, not lost: ringing it again would feed the backlog."""

COUNTDOWN_STEP_SECONDS: Final = 0.05
"""Retries due within one step share a message, which comes at the step's end: none is early, none 50 ms late."""

log = structlog.get_logger("flux.plan")


class Deliveries(Protocol):
    """What planning needs of the store."""

    async def peek(self) -> Horizon:
        """Say when there is something to look at; changes nothing."""
        ...

    async def wake(self, *, retries: bool, may_ring: bool, limit: int) -> list[Found]:
        """Look at those whose time to be looked at has come, in one transaction, skipping what others look at."""
        ...

    async def unsent_alerts(self) -> list[AlertId]:
        """Return alerts whose task seems lost."""
        ...


class Bell(Protocol):
    """What planning needs of the broker: never waits, never fails."""

    def deliver(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...

    def fail(self, deliveries: Sequence[DeliveryId]) -> None:
        """Have the final-failure task run for these."""
        ...

    def alert(self, alerts: Sequence[AlertId]) -> None:
        """Have these alerts sent."""
        ...

    async def waiting_messages(self, *, retries: bool) -> int:
        """Return how many messages of first attempts, or of retries, wait; 0 when the broker does not say."""
        ...


class Backlog(Protocol):
    """What planning needs to know of delivering."""

    def waiting(self, *, retries: bool) -> int:
        """Return of how many first attempts, or retries, this worker was told, which it has not claimed yet."""
        ...


class Plan:
    """The planner's step.

    Args:
        deliveries: the store.
        bell: rung for what is found.
        settling: takes the attempts whose workers died once too often.
        table: decides what follows those.
        backlog: what this worker holds unclaimed.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        bell: Bell,
        settling: Settling,
        table: RetryTable,
        backlog: Backlog,
    ) -> None:
        self._deliveries = deliveries
        self._bell = bell
        self._settling = settling
        self._table = table
        self._backlog = backlog

    async def look(self) -> float:
        """Look once, act on what is found, and return after how many seconds to look again.

        Raises:
            Unavailable: the database is away.
        """
        horizon = await self._deliveries.peek()
        if horizon.unsent_alerts:
            self._bell.alert(await self._deliveries.unsent_alerts())
        is_busy = False
        for retries, seconds in ((False, horizon.first_attempts), (True, horizon.retries)):
            if seconds is not None and seconds <= 0:
                may_ring = await self._may_ring(retries=retries)
                await self._wake(retries=retries, may_ring=may_ring)
                is_busy |= not may_ring
        return BUSY_SLEEP_SECONDS if is_busy else _pause(horizon)

    async def _may_ring(self, *, retries: bool) -> bool:
        if self._backlog.waiting(retries=retries) >= BACKLOG_DELIVERIES:
            return False
        return await self._bell.waiting_messages(retries=retries) < BACKLOG_MESSAGES

    async def _wake(self, *, retries: bool, may_ring: bool) -> None:
        found = await self._deliveries.wake(retries=retries, may_ring=may_ring, limit=MOST_IN_ONE_LOOK)
        _log(found)
        self._bell.fail([each.delivery for each in found if each.finding is Finding.EXHAUSTED])
        for (attempt, countdown_seconds), theirs in _messages(found).items():
            self._bell.deliver(theirs, attempt=attempt, countdown_seconds=countdown_seconds)
        for each in found:
            if each.finding is Finding.LOST:
                self._settling.settle(self._lost(each), note=_nobody_waits)

    def _lost(self, found: Found) -> Settlement:
        outcome = Unanswered(ErrorClass.WORKER_LOST, "The worker that sent it died, several times over.")
        attempt = Attempt(found.attempt, 0, outcome)
        return Settlement(
            found.account, found.delivery, found.token or "", attempt, decide(outcome, found.attempt, self._table)
        )


def _nobody_waits(_: object) -> None:
    """Nobody waits for the end of an attempt whose worker is dead."""


def _pause(horizon: Horizon) -> float:
    coming = [each for each in (horizon.first_attempts, horizon.retries) if each is not None]
    return min(max(min(coming, default=LONGEST_SLEEP_SECONDS), SHORTEST_SLEEP_SECONDS), LONGEST_SLEEP_SECONDS)


def _messages(found: Sequence[Found]) -> dict[tuple[int, float], list[tuple[AccountId, DeliveryId]]]:
    """Group what is to be rung by attempt and by countdown, rounded up to a step."""
    messages: dict[tuple[int, float], list[tuple[AccountId, DeliveryId]]] = {}
    for each in found:
        if each.finding in {Finding.RING, Finding.RESCUED}:
            steps = -(-max(each.due_in_seconds, 0) // COUNTDOWN_STEP_SECONDS)
            message = messages.setdefault((each.attempt, steps * COUNTDOWN_STEP_SECONDS), [])
            message.append((each.account, each.delivery))
    return messages


def _log(found: Sequence[Found]) -> None:
    for finding in (Finding.RESCUED, Finding.LOST, Finding.CANCELED):
        deliveries = [each.delivery for each in found if each.finding is finding]
        if deliveries:
            log.warning("deliveries.found", finding=finding, count=len(deliveries), first=deliveries[0])
