"""Dispatch: who is next. Attempts begin a few at each turn of the loop, one account after the other."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

import structlog

from flux_dispatch.domain.ids import AccountId

MOST_QUEUED: Final = 1000
"""From this many on, a message waits before it claims: what is claimed must be sent well before its lease ends."""

MOST_UNDER_WAY: Final = 4096
"""The same for attempts that wait for their answers: the memory and the sockets of a worker are bounded by it."""

STARTS_PER_TURN: Final = 8
"""How many attempts begin before the loop looks at its sockets again. When endpoints are quick, answers are read before
much more is sent, so few connections do; when they are slow, turns are short and very many attempts are under way."""

FIRSTS_PER_RETRY: Final = 8
"""First attempts go before retries, but for every so many of them one retry goes too: nobody waits for ever."""

Work = TypeVar("Work")

log = structlog.get_logger("flux.deliver")


class Dispatch(Generic[Work]):
    """Starts attempts as tasks of this loop, in a fair order.

    Args:
        attempt: makes one attempt.
    """

    def __init__(self, attempt: Callable[[Work], Coroutine[Any, Any, None]]) -> None:
        self._attempt = attempt
        self._firsts = _Turns[Work]()
        self._retries = _Turns[Work]()
        self._started = 0
        self._is_turning = False
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._has_room = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._take_stock()

    async def room(self) -> None:
        """Return when there is room for more."""
        await self._has_room.wait()

    def add(self, account: AccountId, work: Work, *, is_retry: bool) -> None:
        """Have an attempt made when it is its account's turn."""
        (self._retries if is_retry else self._firsts).add(account, work)
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)
        self._take_stock()

    async def all_ended(self) -> None:
        """Return when nothing waits and nothing is under way."""
        await self._is_idle.wait()

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(STARTS_PER_TURN):
            work = self._next()
            if work is None:
                self._is_turning = False
                break
            self._tasks.add(loop.create_task(self._run(work)))
        else:
            loop.call_soon(self._turn)
        self._take_stock()

    def _next(self) -> Work | None:
        self._started += 1
        if self._started % (FIRSTS_PER_RETRY + 1):
            return self._firsts.next() or self._retries.next()
        return self._retries.next() or self._firsts.next()

    async def _run(self, work: Work) -> None:
        try:
            await self._attempt(work)
        except Exception:
            log.exception("attempt.broke", consequence="it is made again when its lease ends")
        finally:
            self._tasks.discard(asyncio.current_task())
            self._take_stock()

    def _take_stock(self) -> None:
        queued, under_way = self._firsts.length + self._retries.length, len(self._tasks)
        _set(self._has_room, is_so=queued < MOST_QUEUED and under_way < MOST_UNDER_WAY)
        _set(self._is_idle, is_so=not self._is_turning and not under_way)


def _set(event: asyncio.Event, *, is_so: bool) -> None:
    if is_so:
        event.set()
    else:
        event.clear()


class _Turns(Generic[Work]):
    """A queue for each account; the accounts take turns."""

    def __init__(self) -> None:
        self.length = 0
        self._queues: dict[AccountId, deque[Work]] = {}
        self._order: deque[AccountId] = deque()

    def add(self, account: AccountId, work: Work) -> None:
        """Put it behind what its account has waiting."""
        self.length += 1
        if account not in self._queues:
            self._queues[account] = deque()
            self._order.append(account)
        self._queues[account].append(work)

    def next(self) -> Work | None:
        """Take the first of the account whose turn it is; None when nothing waits."""
        if not self._order:
            return None
        self.length -= 1
        account = self._order[0]
        queue = self._queues[account]
        work = queue.popleft()
        if queue:
            self._order.rotate(-1)
        else:
            self._order.popleft()
            del self._queues[account]
        return work
