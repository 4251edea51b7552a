"""The executor: starts attempts, a few at each tick of the loop, one account after the other."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import structlog

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.fair_queue import AttemptQueue, fair_room
from flux_dispatch.engine.flow.throttle import Throttle

MAX_QUEUED: Final = 2000
"""How many that are claimed may wait to begin: they must be sent well before their leases end. First attempts and
retries count apart, and so do light and heavy accounts, so that none keeps the others out."""

MAX_QUEUED_OF_ONE: Final = 400
MAX_QUEUED_OF_ONE_BESIDE_OTHERS: Final = 100
"""The same for one account. While others are served beside a heavy one, its claims are small, so that theirs are
quick."""

MIN_QUEUED: Final = 8
"""So many of a light account may always wait to begin, however many accounts there are."""

MAX_IN_FLIGHT: Final = 4096
"""How many may be claimed at once, if there are as many sockets: the memory of a worker is bounded by it."""

MAX_BYTES: Final = 128 * 2**20
"""How much the bodies of all that is claimed may weigh, by the average of the account's last ones before each claim. A
claim takes no more than a part of it, whatever comes."""

IN_FLIGHT_PARTS: Final = 64
"""An account that has no more than this part free among those claims no more: one after the other they would cost more
than a hundred together."""

STARTS_PER_TICK: Final = 8
"""How many attempts begin before the loop polls its sockets again. When endpoints are quick, answers are read before
much more is sent, so few connections do; when they are slow, ticks are short and very many attempts are in flight."""

Work = TypeVar("Work")

log = structlog.get_logger("flux.deliver")


class AttemptExecutor(Generic[Work]):
    """Starts attempts as tasks of this loop, in a fair order.

    Those of heavy accounts rest after each tick while light ones are served beside them: so the loop, and PostgreSQL,
    are free most of the time, and who comes alone is sent at once.

    Args:
        attempt: makes one attempt.
        max_in_flight: how many this process has sockets for.

    `on_capacity` is called with accounts that may have capacity again, or with None when all may have some.
    """

    on_capacity: Callable[[Collection[AccountId] | None], None]

    def __init__(
        self, attempt: Callable[[Work], Coroutine[Any, Any, None]], max_in_flight: int = MAX_IN_FLIGHT
    ) -> None:
        self._attempt = attempt
        self._max_in_flight = min(max_in_flight, MAX_IN_FLIGHT)
        self._few_in_flight = self._max_in_flight // IN_FLIGHT_PARTS
        self._pauses_until = 0.0
        self._throttle = Throttle()
        self._light = _StartQueue[Work](self._start, self._on_tick)
        self._heavy = _StartQueue[Work](self._start, self._on_tick, self._throttle)
        self._loop = asyncio.get_running_loop()
        self._begun = 0
        self._tasks: dict[int, asyncio.Task[None]] = {}
        # how many wait to begin or for their answers, in all and of each account
        self._count = 0
        self._counts = Counter[AccountId]()
        self._weights = _Weights()
        # those that had nothing free among what is in flight
        self._refused: set[AccountId] = set()
        # whether an account was refused that has nothing in here: only the end of others' work gives it capacity
        self._is_full = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @property
    def claimed(self) -> int:
        """How many wait to begin or for their answers."""
        return self._count

    @property
    def in_flight(self) -> int:
        """How many have begun and not ended."""
        return len(self._tasks)

    def capacity(self, account: AccountId, *, is_retry: bool, is_heavy: bool) -> int:
        """Return how many more of an account may be added; when none, `on_capacity` says when to ask again.

        There is none for a heavy account that has half of its part taken: a claim of many costs each of them less.
        """
        count = self._counts[account]
        free = fair_room(self._max_in_flight, self._count, count)
        affordable = self._weights.room(account)
        if free <= self._few_in_flight or affordable <= 0 or self._loop.time() < self._pauses_until:
            self._refused.add(account)
            self._is_full |= not count
            return 0
        queue = (self._heavy if is_heavy else self._light).queue.select(is_retry=is_retry)
        queued = queue.length_of(account)
        is_beside = is_heavy and self._throttle.others_active(account)
        most = MAX_QUEUED_OF_ONE_BESIDE_OTHERS if is_beside else MAX_QUEUED_OF_ONE
        room = min(most - queued, fair_room(MAX_QUEUED, queue.length, queued), free, affordable)
        if not is_heavy:
            return max(room, min(MIN_QUEUED - queued, free))
        self._is_full |= room <= 0 and not queued
        return 0 if most - queued < most // 2 else room

    def add(self, account: AccountId, work: Work, *, is_retry: bool, is_heavy: bool, bytes_held: int = 0) -> None:
        """Have an attempt made when it is its account's turn; `bytes_held` are in memory until it has ended."""
        self._is_idle.clear()
        self._count += 1
        self._counts[account] += 1
        self._weights.add(account, bytes_held)
        start = _Start(account, is_retry, bytes_held, work)
        if is_heavy:
            self._heavy.add(start)
        else:
            self._throttle.record_activity(account)
            self._light.add(start)

    def rest(self, seconds: float) -> None:
        """Have nothing more added for so long: what is added now would come back as it went."""
        if self._loop.time() >= self._pauses_until:
            self._pauses_until = self._loop.time() + seconds
            self._loop.call_at(self._pauses_until, self.on_capacity, None)

    async def drain(self) -> None:
        """Return when nothing waits and nothing is in flight."""
        await self._is_idle.wait()

    def _start(self, start: "_Start[Work]") -> None:
        self._begun += 1
        self._tasks[self._begun] = self._loop.create_task(self._run(self._begun, start))

    def _on_tick(self, accounts: Collection[AccountId]) -> None:
        self._say_if_idle()
        self._say_who_has_capacity(accounts)

    async def _run(self, number: int, start: "_Start[Work]") -> None:
        account = start.account
        try:
            await self._attempt(start.work)
        except Exception:
            log.exception("attempt.crashed", consequence="it is made again when its lease ends")
        finally:
            del self._tasks[number]
            self._weights.remove(account, start.bytes_held)
            self._count -= 1
            self._counts[account] -= 1
            if not self._counts[account]:
                del self._counts[account]
            self._say_if_idle()
            if account in self._refused or self._is_full:
                self._say_who_has_capacity((account,))

    def _say_who_has_capacity(self, accounts: Collection[AccountId]) -> None:
        if self._is_full and self._has_room_for_anybody():
            self._is_full = False
            self._refused.clear()
            self.on_capacity(None)
            return
        self._refused.difference_update(accounts)
        self.on_capacity(accounts)

    def _has_room_for_anybody(self) -> bool:
        """Say whether somebody who has nothing here finds room; for more than one, or all would be asked too often."""
        queues = (each.queue.select(is_retry=retry) for each in (self._light, self._heavy) for retry in (False, True))
        return fair_room(self._max_in_flight, self._count, 0) > 2 * self._few_in_flight and all(
            fair_room(MAX_QUEUED, queue.length, 0) >= IN_FLIGHT_PARTS for queue in queues
        )

    def _say_if_idle(self) -> None:
        if not self._tasks and not self._light.is_running and not self._heavy.is_running:
            self._is_idle.set()


class _StartQueue(Generic[Work]):
    """What waits to begin.

    Args:
        start: begins one.
        on_tick: called after each tick with the accounts that it began some of.
        throttle: says how long to rest between ticks; without it, there are no rests.
    """

    def __init__(
        self,
        start: Callable[["_Start[Work]"], None],
        on_tick: Callable[[Collection[AccountId]], None],
        throttle: Throttle | None = None,
    ) -> None:
        self.queue = AttemptQueue[_Start[Work]]()
        self.is_running = False
        self._start = start
        self._on_tick = on_tick
        self._throttle = throttle
        self._loop = asyncio.get_running_loop()

    def add(self, start: "_Start[Work]") -> None:
        self.queue.select(is_retry=start.is_retry).add(start.account, (start,))
        if not self.is_running:
            self.is_running = True
            self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        began = time.monotonic()
        accounts = set[AccountId]()
        for number in range(1, STARTS_PER_TICK + 1):
            following = self.queue.next()
            if following is None:
                self.is_running = False
                break
            accounts.add(following.account)
            self._start(following)
            if number == STARTS_PER_TICK:
                self._loop.call_soon(self._after_tick, following, began)
        self._on_tick(accounts)

    def _after_tick(self, last: "_Start[Work]", began: float) -> None:
        """Go on, or rest: the tick has taken as long as everything that the loop has done since it began."""
        tick_seconds = time.monotonic() - began
        delay_seconds = (
            self._throttle.delay_seconds(last.account, tick_seconds, is_retry=last.is_retry) if self._throttle else 0
        )
        if delay_seconds:
            self._loop.call_later(delay_seconds, self._tick)
        else:
            self._tick()


@dataclass(frozen=True, slots=True)
class _Start(Generic[Work]):
    """An attempt that waits to begin."""

    account: AccountId
    is_retry: bool
    bytes_held: int
    work: Work


class _Weights:
    """What the bodies in memory weigh, and how many more of an account there is room for."""

    def __init__(self) -> None:
        self._total = 0
        self._held = Counter[AccountId]()
        self._average: dict[AccountId, float] = {}

    def room(self, account: AccountId) -> int:
        free = fair_room(MAX_BYTES, self._total, self._held[account])
        return int(free // max(self._average.get(account, 0.0), 1.0))

    def add(self, account: AccountId, weight: int) -> None:
        self._total += weight
        self._held[account] += weight
        average = self._average.get(account, float(weight))
        self._average[account] = average + (weight - average) / 8

    def remove(self, account: AccountId, weight: int) -> None:
        self._total -= weight
        self._held[account] -= weight
        if not self._held[account]:
            del self._held[account]
            self._average.pop(account, None)
