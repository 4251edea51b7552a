"""Dispatch: who is next. Attempts begin a few at each turn of the loop, one account after the other."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import structlog

from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.courtesy import Courtesy
from flux_dispatch.engine.turns import Line

MOST_QUEUED: Final = 2000
"""From this many on, no more is claimed: what is claimed must be sent well before its lease ends. First attempts and
retries count apart, and so do floods, so that none keeps the others out."""

MOST_QUEUED_OF_ONE: Final = 400
MOST_QUEUED_OF_ONE_BESIDE_OTHERS: Final = 100
"""The same for one account that sends very much: the others find room. While they are served beside it, its claims are
small, so that theirs are quick."""

MOST_UNDER_WAY: Final = 4096
"""The same for attempts that wait for their answers: the memory and the sockets of a worker are bounded by it."""

STARTS_PER_TURN: Final = 8
"""How many attempts begin before the loop looks at its sockets again. When endpoints are quick, answers are read before
much more is sent, so few connections do; when they are slow, turns are short and very many attempts are under way."""

Work = TypeVar("Work")

log = structlog.get_logger("flux.deliver")


class Dispatch(Generic[Work]):
    """Starts attempts as tasks of this loop, in a fair order.

    Those of a flood rest after each turn while others are served beside it: so the loop, and PostgreSQL, are free most
    of the time, and who comes by himself is sent at once.

    Args:
        attempt: makes one attempt.

    `made_room` is called when more may be added.
    """

    made_room: Callable[[], None]

    def __init__(self, attempt: Callable[[Work], Coroutine[Any, Any, None]]) -> None:
        self._attempt = attempt
        self._courtesy = Courtesy()
        self._few = _Starts[Work](self._start, self._turned)
        self._floods = _Starts[Work](self._start, self._turned, self._courtesy)
        self._loop = asyncio.get_running_loop()
        self._begun = 0
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def room(self, account: AccountId | None, *, is_retry: bool) -> int:
        """Return how many more may be added, of the flood of one account or (None) of those who come a few at a time.

        There is none for one that has half of its room taken: a claim of many costs each of them less.
        """
        if len(self._tasks) >= MOST_UNDER_WAY:
            return 0
        turns = (self._few if account is None else self._floods).line.of(is_retry=is_retry)
        room = MOST_QUEUED - turns.length
        if account is None:
            return room
        most = MOST_QUEUED_OF_ONE_BESIDE_OTHERS if self._courtesy.has_company(account) else MOST_QUEUED_OF_ONE
        own = most - turns.length_of(account)
        return min(room, own) if own >= most // 2 else 0

    def add(self, account: AccountId, work: Work, *, is_retry: bool, is_flood: bool) -> None:
        """Have an attempt made when it is its account's turn."""
        self._is_idle.clear()
        if is_flood:
            self._floods.add(account, work, is_retry=is_retry)
        else:
            self._courtesy.note(account)
            self._few.add(account, work, is_retry=is_retry)

    async def all_ended(self) -> None:
        """Return when nothing waits and nothing is under way."""
        await self._is_idle.wait()

    def _start(self, work: Work) -> None:
        self._begun += 1
        self._tasks[self._begun] = self._loop.create_task(self._run(self._begun, work))

    def _turned(self) -> None:
        self._say_if_idle()
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
        if not self._tasks and not self._few.is_turning and not self._floods.is_turning:
            self._is_idle.set()


class _Starts(Generic[Work]):
    """What waits to begin.

    Args:
        start: begins one.
        turned: called after each turn.
        courtesy: says how long to rest between turns; without it, there are no rests.
    """

    def __init__(
        self, start: Callable[[Work], None], turned: Callable[[], None], courtesy: Courtesy | None = None
    ) -> None:
        self.line = Line[_Start[Work]]()
        self.is_turning = False
        self._start = start
        self._turned = turned
        self._courtesy = courtesy
        self._loop = asyncio.get_running_loop()

    def add(self, account: AccountId, work: Work, *, is_retry: bool) -> None:
        self.line.of(is_retry=is_retry).add(account, [_Start(account, is_retry, work)])
        if not self.is_turning:
            self.is_turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        began = time.monotonic()
        for number in range(1, STARTS_PER_TURN + 1):
            following = self.line.next()
            if following is None:
                self.is_turning = False
                break
            self._start(following.work)
            if number == STARTS_PER_TURN:
                self._loop.call_soon(self._after_turn, following, began)
        self._turned()

    def _after_turn(self, last: "_Start[Work]", began: float) -> None:
        """Go on, or rest: the turn has taken as long as everything that the loop has done since it began."""
        turn_seconds = time.monotonic() - began
        rest_seconds = (
            self._courtesy.rest_seconds(last.account, turn_seconds, is_retry=last.is_retry) if self._courtesy else 0
        )
        if rest_seconds:
            self._loop.call_later(rest_seconds, self._turn)
        else:
            self._turn()


@dataclass(frozen=True, slots=True)
class _Start(Generic[Work]):
    """An attempt that waits to begin."""

    account: AccountId
    is_retry: bool
    work: Work
