"""Fair queues: accounts are served in turn, so what one has waiting never stands before what another has."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from flux_dispatch.domain.ids import AccountId

Work = TypeVar("Work")

FIRSTS_PER_RETRY: Final = 8
"""First attempts go before retries, but for every so many of them one retry goes too: nobody waits for ever."""


def fair_room(size: int, used: int, own: int) -> int:
    """Return how much more one account may take of something bounded that all accounts share; none if below 1.

    What it may have in all is as much as is then still free ("dynamic thresholds", Choudhury and Hahne, 1998): one
    alone gets half, n that want everything get 1/(n + 1) each, and as much again stays free for whoever comes next. So
    it cannot be filled by a few, and none of them has to be named in advance.

    Args:
        size: how much there is.
        used: how much of it is taken, by all.
        own: how much of it is taken by this account.
    """
    return (size - used - own + 1) // 2


class FairQueue(Generic[Work]):
    """A queue for each account, and one of each in turn (round robin)."""

    def __init__(self) -> None:
        self.length = 0
        self._queues: dict[AccountId, deque[Work]] = {}
        self._order: deque[AccountId] = deque()
        # those that have work and had no capacity: out of the order, so that many of them cost nothing
        self._held: set[AccountId] = set()

    def __contains__(self, account: AccountId) -> bool:
        return account in self._queues

    def add(self, account: AccountId, work: Iterable[Work]) -> None:
        """Put work behind what the account has waiting."""
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = deque()
            self._order.append(account)
        before = len(queue)
        queue.extend(work)
        self.length += len(queue) - before

    def next(self) -> Work | None:
        """Take the first of the account whose turn it is; None when nothing waits."""
        if not self._order:
            return None
        account = self._order.popleft()
        work = self._pop(account)
        if account in self._queues:
            self._order.append(account)
        return work

    def take(self, limit: int, capacity: Callable[[AccountId], int]) -> list[tuple[AccountId, Work]]:
        """Take up to `limit`, one of each account in turn, and of none more than its capacity.

        An account without capacity (any more) is not asked for again before `resume`.
        """
        left: dict[AccountId, int] = {}
        taken: list[tuple[AccountId, Work]] = []
        while self._order and len(taken) < limit:
            account = self._order.popleft()
            room = left[account] if account in left else capacity(account)
            if room <= 0:
                self._held.add(account)
                continue
            left[account] = room - 1
            taken.append((account, self._pop(account)))
            if account in self._queues:
                self._order.append(account)
        return taken

    def resume(self, account: AccountId) -> None:
        """Ask for the account's capacity again."""
        if account in self._held:
            self._held.discard(account)
            self._order.append(account)

    def resume_all(self) -> None:
        """Ask for everybody's capacity again."""
        self._order.extend(self._held)
        self._held.clear()

    def move(self, account: AccountId, other: "FairQueue[Work]") -> None:
        """Move all that an account has waiting behind what it has in another queue."""
        work = self._queues.pop(account)
        self.length -= len(work)
        self._held.discard(account)
        if account in self._order:
            self._order.remove(account)
        other.add(account, work)

    def take_all(self) -> list[tuple[AccountId, Work]]:
        """Take everything, account by account."""
        everything = [(account, work) for account, queue in self._queues.items() for work in queue]
        self.length = 0
        self._queues.clear()
        self._order.clear()
        self._held.clear()
        return everything

    def length_of(self, account: AccountId) -> int:
        """Return how much one account has waiting."""
        return len(self._queues.get(account, ()))

    def longer_than(self, length: int) -> list[AccountId]:
        """Return the accounts that have more than this waiting."""
        return [account for account, queue in self._queues.items() if len(queue) > length]

    def _pop(self, account: AccountId) -> Work:
        queue = self._queues[account]
        work = queue.popleft()
        self.length -= 1
        if not queue:
            del self._queues[account]
        return work


class AttemptQueue(Generic[Work]):
    """First attempts and retries, each in a fair queue of their own."""

    def __init__(self) -> None:
        self.first_attempts = FairQueue[Work]()
        self.retries = FairQueue[Work]()
        self._taken = 0

    def select(self, *, is_retry: bool) -> FairQueue[Work]:
        """Return the queue of retries, or that of first attempts."""
        return self.retries if is_retry else self.first_attempts

    def next(self) -> Work | None:
        """Take the next; None when nothing waits."""
        self._taken += 1
        if self._taken % (FIRSTS_PER_RETRY + 1):
            return self.first_attempts.next() or self.retries.next()
        return self.retries.next() or self.first_attempts.next()
