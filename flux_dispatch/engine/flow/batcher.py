"""Grouping: what arrives while a commit is in flight shares the next one; what may wait a little waits for more."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.fair_queue import FairQueue

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Linger:
    """How long to wait for more items: the longer, the more the last group held.

    So a few are not kept waiting, and the many share what a group costs: at 500 a second three or four go together, at
    thousands a second fifty and more.
    """

    min_seconds: float = 0.005
    seconds_per_item: float = 0.0005
    max_seconds: float = 0.025

    def seconds_after(self, last: int) -> float:
        """Return how long to wait after a group of so many."""
        return min(self.min_seconds + self.seconds_per_item * last, self.max_seconds)


NO_LINGER: Final = Linger(0, 0, 0)


class Queue(Protocol[Item]):
    """What waits for the next group."""

    def append(self, item: Item) -> None:
        """Put an item in."""
        ...

    def take(self, most: int) -> list[Item]:
        """Take the next group out, of up to so many items."""
        ...

    def __len__(self) -> int: ...


class FirstCome(Generic[Item]):
    """Whoever came first goes first."""

    def __init__(self) -> None:
        self._items = deque[Item]()

    def append(self, item: Item) -> None:
        """Put an item in."""
        self._items.append(item)

    def take(self, most: int) -> list[Item]:
        """Take the next group out, of up to so many items."""
        return [self._items.popleft() for _ in range(min(most, len(self._items)))]

    def __len__(self) -> int:
        return len(self._items)


class InTurn(Generic[Item]):
    """Accounts go in turn, and a group that weighs enough takes no more.

    Args:
        account_of: whose an item is.
        weigh: what an item weighs.
        most_weight: from this weight on, a group is closed.
    """

    def __init__(self, account_of: Callable[[Item], AccountId], weigh: Callable[[Item], int], most_weight: int) -> None:
        self._account_of = account_of
        self._weigh = weigh
        self._most_weight = most_weight
        self._items = FairQueue[Item]()

    def append(self, item: Item) -> None:
        """Put an item in."""
        self._items.add(self._account_of(item), (item,))

    def take(self, most: int) -> list[Item]:
        """Take the next group out, of up to so many items."""
        group: list[Item] = []
        weight = 0
        while len(group) < most and weight < self._most_weight and (item := self._items.next()) is not None:
            weight += self._weigh(item)
            group.append(item)
        return group

    def __len__(self) -> int:
        return self._items.length


CommitMany: TypeAlias = Callable[[list[Item]], Awaitable[Sequence[Result]]]
"""Stores a group, all or nothing, and returns one result for each item, in order."""


async def commit_isolating(commit: CommitMany[Item, Result], items: list[Item]) -> list[Result | Exception]:
    """Commit a group so that an item that cannot be stored costs itself only; return a result or an error for each.

    A group that fails is committed in halves, and those in halves again, until each item that fails stands alone. Only
    `Unavailable` is not looked into: that is a trouble of the moment, and the same for all.
    """
    try:
        return list(await commit(items))
    except Unavailable as error:
        return [error] * len(items)
    except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to the item that it stays with
        if len(items) == 1:
            return [error]
        middle = len(items) // 2
        halves = [await commit_isolating(commit, half) for half in (items[:middle], items[middle:])]
        return halves[0] + halves[1]


class Batcher(Generic[Item]):
    """Commits items in groups; who puts one in does not wait for it.

    Args:
        commit: stores a group; it sees to its own errors.
        most: how many items one group may have.
        max_concurrent: how many commits may be in flight at once.
        linger: how long a group that is not full waits for more items.
        queue: what waits, and which of it is next.
    """

    def __init__(
        self,
        commit: Callable[[list[Item]], Awaitable[None]],
        *,
        most: int,
        max_concurrent: int,
        linger: Linger = NO_LINGER,
        queue: Queue[Item] | None = None,
    ) -> None:
        self._commit = commit
        self._most = most
        self._linger = linger
        self._last = 0
        self._free_places = max_concurrent
        self._waiting: Queue[Item] = FirstCome() if queue is None else queue
        self._commits: set[asyncio.Task[None]] = set()

    def put(self, item: Item) -> None:
        """Have the item committed with those that come at about the same time."""
        self._waiting.append(item)
        if self._free_places:
            self._free_places -= 1
            commit = asyncio.create_task(self._run())
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    async def drain(self) -> None:
        """Return when nothing waits and no commit is in flight."""
        while self._commits:
            await asyncio.wait(set(self._commits))

    async def _run(self) -> None:
        try:
            while self._waiting:
                if len(self._waiting) < self._most and (seconds := self._linger.seconds_after(self._last)):
                    await asyncio.sleep(seconds)
                if group := self._waiting.take(self._most):
                    self._last = len(group)
                    await self._commit(group)
        finally:
            self._free_places += 1


Call: TypeAlias = tuple[Item, asyncio.Future[Result]]
"""An item, and where its result is waited for."""


class BatchedCall(Generic[Item, Result]):
    """Turns a commit of many into a call for one.

    Args:
        commit: stores a group and returns one result for each item, in order.
        most: how many items one group may have.
        max_concurrent: how many commits may be in flight at once.
        linger: how long a group that is not full waits for more items.
        queue: which calls wait, and which of them are next.

    A call raises what the commit raised for its item, or `Unavailable` with its group.
    """

    def __init__(
        self,
        commit: CommitMany[Item, Result],
        *,
        most: int,
        max_concurrent: int,
        linger: Linger = NO_LINGER,
        queue: Queue[Call[Item, Result]] | None = None,
    ) -> None:
        self._commit = commit
        self._loop = asyncio.get_running_loop()
        self._groups = Batcher[Call[Item, Result]](
            self._commit_group, most=most, max_concurrent=max_concurrent, linger=linger, queue=queue
        )

    async def __call__(self, item: Item) -> Result:
        """Return the item's result once the group that it went with is committed."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self._groups.put((item, future))
        return await future

    async def _commit_group(self, group: list[Call[Item, Result]]) -> None:
        results = await commit_isolating(self._commit, [item for item, _ in group])
        for (_, future), result in zip(group, results, strict=True):
            if future.done():  # its caller gave up
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
