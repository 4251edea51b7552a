"""Dispatch: who is next. Attempts begin a few at each turn of the loop, one account after the other."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

import structlog

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.turns import Line

MOST_QUEUED: Final = 2000
"""From this many on, no more is claimed: what is claimed must be sent well before its lease ends. First attempts and
retries count apart, so that neither keeps the other out."""

MOST_QUEUED_OF_ONE: Final = 400
"""The same for one account that sends very much: the others find room."""

MOST_UNDER_WAY: Final = 4096
"""The same for attempts that wait for their answers: the memory and the sockets of a worker are bounded by it."""

STARTS_PER_TURN: Final = 8
"""How many attempts begin before the loop looks at its sockets again. When endpoints are quick, answers are read before
much more is sent, so few connections do; when they are slow, turns are short and very many attempts are under way."""

Work = TypeVar("Work")

log = structlog.get_logger("flux.deliver")


class Dispatch(Generic[Work]):
    """Starts attempts as tasks of this loop, in a fair order.

    Args:
        attempt: makes one attempt.

    `made_room` is called when more may be added.
    """

    made_room: Callable[[], None]

    def __init__(self, attempt: Callable[[Work], Coroutine[Any, Any, None]]) -> None:
        self._attempt = attempt
        self._line = Line[Work]()
        self._is_turning = False
        self._loop = asyncio.get_running_loop()
        self._begun = 0
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def room(self, account: AccountId | None, *, is_retry: bool) -> int:
        """Return how many more may be added, of one account or (None) of several.

        There is none for one that has half of its room taken: a claim of many costs each of them less.
        """
        if len(self._tasks) >= MOST_UNDER_WAY:
            return 0
        turns = self._line.of(is_retry=is_retry)
        room = MOST_QUEUED - turns.length
        if account is None:
            return room - MOST_QUEUED_OF_ONE  # which are kept free for one that sends very much
        own = MOST_QUEUED_OF_ONE - turns.length_of(account)
        return min(room, own) if own >= MOST_QUEUED_OF_ONE // 2 else 0

    def add(self, account: AccountId, work: Work, *, is_retry: bool) -> None:
        """Have an attempt made when it is its account's turn."""
        self._line.of(is_retry=is_retry).add(account, [work])
        if not self._is_turning:
            self._is_turning = True
            self._is_idle.clear()
            self._loop.call_soon(self._turn)

    async def all_ended(self) -> None:
        """Return when nothing waits and nothing is under way."""
        await self._is_idle.wait()

    def _turn(self) -> None:
        for _ in range(STARTS_PER_TURN):
            work = self._line.next()
            if work is None:
                self._is_turning = False
                self._say_if_idle()
                break
            self._begun += 1
            self._tasks[self._begun] = self._loop.create_task(self._run(self._begun, work))
        else:
            self._loop.call_soon(self._turn)
        self.made_room()

    async def _run(self, number: int, work: Work) -> None:
        try:
            await self._attempt(work)
        except Exception:
            log.exception("attempt.broke", consequence="it is made again when its lease ends")
        finally:
            del self._tasks[number]
            self._say_if_idle()
            if len(self._tasks) == MOST_UNDER_WAY - 1:
                self.made_room()

    def _say_if_idle(self) -> None:
        if not self._tasks and not self._is_turning:
            self._is_idle.set()
