"""Turns: a queue for each account, the accounts one after the other, first attempts before retries."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from flux_dispatch.domain.ids import AccountId, DeliveryId

Work = TypeVar("Work")

FIRSTS_PER_RETRY: Final = 8
"""First attempts go before retries, but for every so many of them one retry goes too: nobody waits for ever."""

OWN_MESSAGE_FROM: Final = 20
"""From so many deliveries at once on, an account's are rung in messages of their own; fewer share them with others'."""


class Turns(Generic[Work]):
    """Who is next; None stands for all accounts that share messages."""

    def __init__(self) -> None:
        self.length = 0
        self._queues: dict[AccountId | None, deque[Work]] = {}
        self._order: deque[AccountId | None] = deque()

    def add(self, account: AccountId | None, work: Iterable[Work]) -> None:
        """Put work behind what its account has waiting."""
        if account not in self._queues:
            self._queues[account] = deque()
            self._order.append(account)
        queue = self._queues[account]
        before = len(queue)
        queue.extend(work)
        self.length += len(queue) - before

    def next(self) -> Work | None:
        """Take the first of the account whose turn it is; None when nothing waits."""
        if not self._order:
            return None
        account = self._order[0]
        self._order.rotate(-1)
        return self._pop(account)

    def take(self, most: int, room: Callable[[AccountId | None], int]) -> list[tuple[AccountId | None, Work]]:
        """Take up to `most`, in turns of those accounts that have room, and from each no more than its room."""
        left = {account: space for account in self._order if (space := room(account)) > 0}
        taken: list[tuple[AccountId | None, Work]] = []
        while left and len(taken) < most:
            for account in list(left)[: most - len(taken)]:
                taken.append((account, self._pop(account)))
                left[account] -= 1
                if left[account] == 0 or account not in self._queues:
                    del left[account]
        if taken:
            self._order.rotate(-1)
        return taken

    def take_all(self) -> list[tuple[AccountId | None, Work]]:
        """Take everything, account by account."""
        everything = [(account, work) for account, queue in self._queues.items() for work in queue]
        self.length = 0
        self._queues.clear()
        self._order.clear()
        return everything

    def _pop(self, account: AccountId | None) -> Work:
        self.length -= 1
        queue = self._queues[account]
        work = queue.popleft()
        if not queue:
            self._order.remove(account)
            del self._queues[account]
        return work

    def length_of(self, account: AccountId | None) -> int:
        """Return how much one account has waiting."""
        return len(self._queues.get(account, ()))


class Line(Generic[Work]):
    """First attempts and retries, each in turns of their own."""

    def __init__(self) -> None:
        self.firsts = Turns[Work]()
        self.retries = Turns[Work]()
        self._taken = 0

    def of(self, *, is_retry: bool) -> Turns[Work]:
        """Return the turns of first attempts, or those of retries."""
        return self.retries if is_retry else self.firsts

    def next(self) -> Work | None:
        """Take the next; None when nothing waits."""
        self._taken += 1
        if self._taken % (FIRSTS_PER_RETRY + 1):
            return self.firsts.next() or self.retries.next()
        return self.retries.next() or self.firsts.next()


def apart(deliveries: Iterable[tuple[AccountId, DeliveryId]]) -> dict[AccountId | None, list[DeliveryId]]:
    """Say whose deliveries go in messages of their own, and which share those of None."""
    pairs = list(deliveries)
    counts = Counter(account for account, _ in pairs)
    messages: dict[AccountId | None, list[DeliveryId]] = {}
    for account, delivery in pairs:
        messages.setdefault(account if counts[account] >= OWN_MESSAGE_FROM else None, []).append(delivery)
    return messages
