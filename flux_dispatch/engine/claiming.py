"""Claiming: what messages name waits here, and is claimed in groups, account by account, when there is room."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeAlias

from flux_dispatch.domain.claim import Claim, Lease
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.engine import failpoint
from flux_dispatch.engine.batch import Batch
from flux_dispatch.engine.lease_clock import LeaseClock
from flux_dispatch.engine.turns import FIRSTS_PER_RETRY, Line

MOST_IN_ONE_CLAIM: Final = 200
SHARED_LANES: Final = 2
FLOOD_LANES: Final = 1
"""How many claims may be under way at once, of those who share messages and of floods, so that neither keeps the other
out. A flood's claims are large, and share PostgreSQL's cores with the small ones: beside one of them a small claim is
quick, beside three it is not."""

MOST_OF_ONE_ACCOUNT: Final = 50_000
MOST_OF_FLOODS: Final = 100_000
"""What an account has waiting beyond the first, and what all together have beyond the second that came in messages of
their own, is left to the database: the planner has it rung again when there is room. So memory is bounded, at some 200
bytes each."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    delivery: DeliveryId
    batch: Batch
    attempt: int

    @property
    def is_retry(self) -> bool:
        return self.attempt > 1


_Group: TypeAlias = list[tuple[AccountId | None, _Wanted]]


class Room(Protocol):
    """What claiming must know of sending."""

    def __call__(self, account: AccountId | None, *, is_retry: bool) -> int:
        """Return how many more may begin, of one account or (None) of several."""
        ...


class Begin(Protocol):
    """What becomes of a delivery that is claimed."""

    def __call__(self, claim: Claim, clock: LeaseClock, batch: Batch, *, is_flood: bool) -> None:
        """Have it sent."""
        ...


class Claiming:
    """Claims what waits.

    Args:
        claim: the store's statement.
        begin: takes each delivery that is claimed.
        room: says how many more can begin, of an account or (None) of several.
    """

    def __init__(
        self,
        claim: Callable[[Sequence[DeliveryId]], Awaitable[Lease | None]],
        begin: Begin,
        room: Room,
    ) -> None:
        self._claim = claim
        self._begin = begin
        self._room = room
        self._line = Line[_Wanted]()
        self._being_claimed = Counter[tuple[AccountId | None, bool]]()
        self._lanes: dict[asyncio.Task[None], bool] = {}
        self._is_closed = False

    def waiting(self, *, retries: bool) -> int:
        """Return how many first attempts, or retries, wait to be claimed."""
        return self._line.of(is_retry=retries).length

    def add(self, deliveries: Sequence[DeliveryId], batch: Batch, *, account: AccountId | None, attempt: int) -> None:
        """Have deliveries claimed when it is their account's turn, or leave them to the planner if too many wait."""
        turns = self._line.of(is_retry=attempt > 1)
        is_too_much = account is not None and turns.length >= MOST_OF_FLOODS
        if is_too_much or turns.length_of(account) >= MOST_OF_ONE_ACCOUNT:
            batch.skip(len(deliveries))
            return
        turns.add(account, [_Wanted(each, batch, attempt) for each in deliveries])
        self.look()

    def look(self) -> None:
        """Claim as much as there is room for."""
        while not self._is_closed and (group := self._next_group()):
            is_flood = group[0][0] is not None
            counts = Counter((account, each.is_retry) for account, each in group)
            self._being_claimed += counts
            self._lanes[lane := asyncio.create_task(self._claim_group(group, is_flood=is_flood))] = is_flood
            lane.add_done_callback(partial(self._lane_is_free, counts))

    async def close(self) -> dict[tuple[AccountId | None, int], list[DeliveryId]]:
        """Claim no more; return what was not claimed, when the claims that are under way have ended.

        Returns:
            The deliveries by their account and attempt, as `add` was told them.
        """
        self._is_closed = True
        if self._lanes:
            await asyncio.wait(set(self._lanes))
        unclaimed: dict[tuple[AccountId | None, int], list[DeliveryId]] = {}
        for account, wanted in self._line.firsts.take_all() + self._line.retries.take_all():
            wanted.batch.skip(1)
            unclaimed.setdefault((account, wanted.attempt), []).append(wanted.delivery)
        return unclaimed

    def _lane_is_free(self, counts: Counter[tuple[AccountId | None, bool]], lane: asyncio.Task[None]) -> None:
        self._being_claimed -= counts
        del self._lanes[lane]
        self.look()

    def _next_group(self) -> _Group:
        """Return what may be claimed together: of those who share messages, or of floods."""
        floods = sum(self._lanes.values())
        shared = self._take(is_flood=False) if len(self._lanes) - floods < SHARED_LANES else []
        return shared or (self._take(is_flood=True) if floods < FLOOD_LANES else [])

    def _take(self, *, is_flood: bool) -> _Group:
        for_retries = MOST_IN_ONE_CLAIM // (FIRSTS_PER_RETRY + 1) if self._line.retries.length else 0
        group: _Group = []
        for is_retry, most in ((False, MOST_IN_ONE_CLAIM - for_retries), (True, MOST_IN_ONE_CLAIM)):
            room = partial(self._room_left, is_retry=is_retry, is_flood=is_flood)
            group += self._line.of(is_retry=is_retry).take(most - len(group), room)
        return group

    def _room_left(self, account: AccountId | None, *, is_retry: bool, is_flood: bool) -> int:
        if is_flood is (account is None):
            return 0
        return self._room(account, is_retry=is_retry) - self._being_claimed[account, is_retry]

    async def _claim_group(self, group: _Group, *, is_flood: bool) -> None:
        batches: dict[DeliveryId, Batch] = {}
        for _, each in group:
            if each.delivery in batches:
                each.batch.skip(1)  # a doubled message
            else:
                batches[each.delivery] = each.batch
        failpoint.reach("before_claim")
        try:
            asked = time.monotonic()
            lease = await self._claim(list(batches))
        except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to those who wait for these batches
            for batch in batches.values():
                batch.fail(error)
            return
        failpoint.reach("after_claim")
        if lease is not None:
            clock = LeaseClock(lease, asked)
            for claim in lease.claims:
                batch = batches.pop(claim.delivery)
                batch.begin()
                self._begin(claim, clock, batch, is_flood=is_flood)
        for batch in batches.values():
            batch.skip(1)
