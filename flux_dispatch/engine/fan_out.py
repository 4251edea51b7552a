"""Fan out: an event that very many webhooks want gets its deliveries in steps, after the first ones."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Protocol, cast

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, format_id

STEPS: Final = 4
"""How many steps one call takes: others look at the database between two calls, too."""

_FIRST: Final = cast(AccountId, format_id(Prefix.ACCOUNT, "0" * 32))


class Events(Protocol):
    """What fanning out needs of the store."""

    async def fan_out(self, after: AccountId, *, first_delay: timedelta) -> tuple[AccountId, list[DeliveryId]] | None:
        """Store the next deliveries of events of the account after this one; None when there is none."""
        ...


class Queue(Protocol):
    """What fanning out needs of the broker: never waits, never fails."""

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        """Have these deliveries tried when the countdown is over."""
        ...


class FanOut:
    """Takes steps, one account after the other; each is one transaction, so a worker that dies loses nothing.

    Args:
        events: the store.
        queue: told of the deliveries of each step.
        first_delay: the retry table's delay before the first attempt.
        horizon: what is due later than this is left to the sweeper.
    """

    def __init__(self, events: Events, queue: Queue, *, first_delay: timedelta, horizon: timedelta) -> None:
        self._events = events
        self._queue = queue
        self._first_delay = first_delay
        self._is_enqueued_at_once = first_delay <= horizon
        self._after = _FIRST

    async def __call__(self) -> int:
        """Take a few steps; return how many deliveries they made.

        Raises:
            Unavailable: the database is unavailable.
        """
        return sum([await self._step() for _ in range(STEPS)])

    async def _step(self) -> int:
        made = await self._events.fan_out(self._after, first_delay=self._first_delay)
        if made is None:
            self._after = _FIRST
            return 0
        self._after, deliveries = made
        if self._is_enqueued_at_once:
            pairs = [(self._after, each) for each in deliveries]
            self._queue.enqueue_deliveries(pairs, attempt=1, countdown_seconds=self._first_delay.total_seconds())
        return len(deliveries)
