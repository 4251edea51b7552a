"""Claimer: what messages name waits here, and is claimed in groups, account by account, when there is capacity."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Final, Protocol, TypeAlias

import structlog

from flux_dispatch.domain.claim import Claim, ClaimedBatch
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.engine.flow import failpoint
from flux_dispatch.engine.flow.fair_queue import FIRSTS_PER_RETRY, AttemptQueue, FairQueue, fair_room
from flux_dispatch.engine.flow.lease_clock import LeaseClock
from flux_dispatch.engine.flow.message_progress import MessageProgress

CLAIM_BATCH_SIZE: Final = 200

HEAVY_FROM: Final = 50
"""From more waiting deliveries on, an account is heavy, until none waits: by what it has waiting, however it came."""

MAX_LIGHT_CLAIMS: Final = 2
MAX_HEAVY_CLAIMS: Final = 1
"""How many claims may be in flight at once, of light accounts and of heavy ones, so that neither keeps the other out.
The claims of heavy ones are large, and share PostgreSQL's cores with the small ones: beside one of them a small claim
is quick, beside three it is not."""

MAX_WAITING: Final = 100_000
"""How many first attempts may wait here, and how many retries. What an account has beyond its fair part is left to the
database: the sweeper has it enqueued again when there is room. So memory is bounded, at some 200 bytes each."""

log = structlog.get_logger("flux.deliver")


@dataclass(frozen=True, slots=True)
class _Unclaimed:
    delivery: DeliveryId
    progress: MessageProgress
    attempt: int

    @property
    def is_retry(self) -> bool:
        return self.attempt > 1


_Group: TypeAlias = list[tuple[AccountId, _Unclaimed]]


class Capacity(Protocol):
    """What claimer must know of sending."""

    def __call__(self, account: AccountId, *, is_retry: bool, is_heavy: bool) -> int:
        """Return how many more of an account may begin."""
        ...


class StartAttempt(Protocol):
    """What becomes of a delivery that is claimed."""

    def __call__(self, claim: Claim, clock: LeaseClock, progress: MessageProgress, *, is_heavy: bool) -> None:
        """Have it sent."""
        ...


class Claimer:
    """Claims what waits.

    Args:
        claim: the store's statement.
        begin: takes each delivery that is claimed.
        capacity: says how many more of an account can begin; when it has said none, `resume` makes it be asked again.
    """

    def __init__(
        self,
        claim: Callable[[Sequence[DeliveryId]], Awaitable[ClaimedBatch | None]],
        begin: StartAttempt,
        capacity: Capacity,
    ) -> None:
        self._claim = claim
        self._begin = begin
        self._capacity = capacity
        self._light = AttemptQueue[_Unclaimed]()
        self._heavy = AttemptQueue[_Unclaimed]()
        self._being_claimed = Counter[tuple[AccountId, bool]]()
        self._claims: dict[asyncio.Task[None], bool] = {}
        self._is_closed = False

    def waiting(self, *, retries: bool) -> int:
        """Return how many first attempts, or retries, wait to be claimed."""
        return sum(queue.length for queue in self._queues(is_retry=retries))

    def accounts_with_many(self, count: int, *, retries: bool) -> list[AccountId]:
        """Return the accounts of which more first attempts, or retries, than this wait to be claimed."""
        return [account for queue in self._queues(is_retry=retries) for account in queue.longer_than(count)]

    def add(
        self, deliveries: Iterable[tuple[AccountId, DeliveryId]], progress: MessageProgress, *, attempt: int
    ) -> None:
        """Have deliveries claimed when it is their account's turn, or leave them to the sweeper if too many wait."""
        for account, pairs in groupby(deliveries, itemgetter(0)):
            self._add(account, [_Unclaimed(delivery, progress, attempt) for _, delivery in pairs], is_retry=attempt > 1)
        self.claim_next()

    def resume(self, account: AccountId | None) -> None:
        """Claim again of an account, or (None) of all, for which there was no capacity."""
        for queue in (*self._queues(is_retry=False), *self._queues(is_retry=True)):
            if account is None:
                queue.resume_all()
            else:
                queue.resume(account)

    def claim_next(self) -> None:
        """Claim as much as there is capacity for."""
        while not self._is_closed and (taken := self._next_group()):
            group, is_heavy = taken
            counts = Counter((account, each.is_retry) for account, each in group)
            self._being_claimed += counts
            self._claims[claim := asyncio.create_task(self._claim_group(group, is_heavy=is_heavy))] = is_heavy
            claim.add_done_callback(partial(self._on_claimed, counts))

    async def close(self) -> dict[int, list[tuple[AccountId, DeliveryId]]]:
        """Claim no more; return what was not claimed, by attempt, when the claims that are in flight have ended."""
        self._is_closed = True
        if self._claims:
            await asyncio.wait(set(self._claims))
        unclaimed: dict[int, list[tuple[AccountId, DeliveryId]]] = {}
        for queue in (*self._queues(is_retry=False), *self._queues(is_retry=True)):
            for account, wanted in queue.take_all():
                wanted.progress.skip(1)
                unclaimed.setdefault(wanted.attempt, []).append((account, wanted.delivery))
        return unclaimed

    def _queues(self, *, is_retry: bool) -> tuple[FairQueue[_Unclaimed], FairQueue[_Unclaimed]]:
        return self._light.select(is_retry=is_retry), self._heavy.select(is_retry=is_retry)

    def _add(self, account: AccountId, wanted: list[_Unclaimed], *, is_retry: bool) -> None:
        light, heavy = self._queues(is_retry=is_retry)
        queue = heavy if account in heavy else light
        room = max(fair_room(MAX_WAITING, light.length + heavy.length, queue.length_of(account)), 0)
        for left_out in wanted[room:]:
            left_out.progress.skip(1)
        if not room:
            return
        queue.add(account, wanted[:room])
        if queue is light and light.length_of(account) > HEAVY_FROM:
            light.move(account, heavy)

    def _on_claimed(self, counts: Counter[tuple[AccountId, bool]], claim: asyncio.Task[None]) -> None:
        self._being_claimed -= counts
        del self._claims[claim]
        for account, _ in counts:
            self.resume(account)
        self.claim_next()

    def _next_group(self) -> tuple[_Group, bool] | None:
        """Return what may be claimed together: of light accounts, or (True) of heavy ones."""
        heavy_claims = sum(self._claims.values())
        if len(self._claims) - heavy_claims < MAX_LIGHT_CLAIMS and (group := self._take(is_heavy=False)):
            return group, False
        if heavy_claims < MAX_HEAVY_CLAIMS and (group := self._take(is_heavy=True)):
            return group, True
        return None

    def _take(self, *, is_heavy: bool) -> _Group:
        queues = self._heavy if is_heavy else self._light
        for_retries = CLAIM_BATCH_SIZE // (FIRSTS_PER_RETRY + 1) if queues.retries.length else 0
        group: _Group = []
        for is_retry, most in ((False, CLAIM_BATCH_SIZE - for_retries), (True, CLAIM_BATCH_SIZE)):
            capacity = partial(self._capacity_left, is_retry=is_retry, is_heavy=is_heavy)
            group += queues.select(is_retry=is_retry).take(most - len(group), capacity)
        return group

    def _capacity_left(self, account: AccountId, *, is_retry: bool, is_heavy: bool) -> int:
        capacity = self._capacity(account, is_retry=is_retry, is_heavy=is_heavy)
        return capacity - self._being_claimed[account, is_retry]

    async def _claim_group(self, group: _Group, *, is_heavy: bool) -> None:
        wanted: dict[DeliveryId, tuple[AccountId, _Unclaimed]] = {}
        for account, each in group:
            if each.delivery in wanted:
                each.progress.skip(1)  # a duplicate message
            else:
                wanted[each.delivery] = account, each
        failpoint.reach("before_claim")
        await self._claim_isolating(wanted, is_heavy=is_heavy)

    async def _claim_isolating(self, wanted: dict[DeliveryId, tuple[AccountId, _Unclaimed]], *, is_heavy: bool) -> None:
        """Claim these; if that fails for a reason that lies in one of them, it costs that one only."""
        asked = time.monotonic()
        try:
            lease = await self._claim(list(wanted))
        except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to those who wait for these messages
            if isinstance(error, Unavailable) or len(wanted) == 1:
                _fail([each for _, each in wanted.values()], error)
                return
            pairs, middle = list(wanted.items()), len(wanted) // 2
            for half in (pairs[:middle], pairs[middle:]):
                await self._claim_isolating(dict(half), is_heavy=is_heavy)
            return
        failpoint.reach("after_claim")
        if lease is not None:
            self._begin_all(lease, LeaseClock(lease, asked), wanted, is_heavy=is_heavy)
        for _, each in wanted.values():
            each.progress.skip(1)

    def _begin_all(
        self,
        lease: ClaimedBatch,
        clock: LeaseClock,
        wanted: dict[DeliveryId, tuple[AccountId, _Unclaimed]],
        *,
        is_heavy: bool,
    ) -> None:
        for claim in lease.claims:
            _, each = wanted.pop(claim.delivery)
            each.progress.begin()
            self._begin(claim, clock, each.progress, is_heavy=is_heavy)
        for delivery in lease.left_out:
            account, each = wanted.pop(delivery)
            self._add(account, [each], is_retry=each.is_retry)


def _fail(wanted: Sequence[_Unclaimed], error: Exception) -> None:
    if not isinstance(error, Unavailable):
        log.error("claim.failed", delivery=wanted[0].delivery, exc_info=error)
    for each in wanted:
        each.progress.fail(error)
