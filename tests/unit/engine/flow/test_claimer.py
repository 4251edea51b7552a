"""What waits to be claimed: in groups, one account after the other, when there is room, and nobody is forgotten."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from flux_dispatch.domain.claim import Claim, ClaimedBatch
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from flux_dispatch.engine.flow.claimer import (
    CLAIM_BATCH_SIZE,
    HEAVY_FROM,
    MAX_HEAVY_CLAIMS,
    MAX_LIGHT_CLAIMS,
    MAX_WAITING,
    Claimer,
)
from flux_dispatch.engine.flow.lease_clock import LeaseClock
from flux_dispatch.engine.flow.message_progress import DeliveryResult, MessageProgress
from tests.support.waiting import let_others_run

HEAVY, SMALL = AccountId("acct_heavy"), AccountId("acct_small")


class Store:
    """Leases everything but what is in `taken`, when it is told to go on."""

    def __init__(self) -> None:
        self.claims: list[list[DeliveryId]] = []
        self.taken: set[DeliveryId] = set()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.error: Exception | None = None
        self.poison: DeliveryId | None = None
        self.most_at_once = 10**6

    async def claim(self, deliveries: Sequence[DeliveryId]) -> ClaimedBatch | None:
        self.claims.append(list(deliveries))
        await self.go_on.wait()
        if self.error:
            raise self.error
        if self.poison in deliveries:
            raise ValueError(self.poison)
        free = tuple(claim_of(each) for each in deliveries if each not in self.taken)
        if not free:
            return None
        left_out = tuple(each.delivery for each in free[self.most_at_once :])
        return ClaimedBatch(datetime.now(UTC), 25, free[: self.most_at_once], left_out)


class Sending:
    """Takes what is claimed, as long as there is room."""

    def __init__(self) -> None:
        self.begun: list[DeliveryId] = []
        self.begun_heavy = 0
        self.room = 10**6
        self.room_of_heavy = 10**6

    def begin(self, claim: Claim, clock: LeaseClock, progress: MessageProgress, *, is_heavy: bool) -> None:
        assert clock.seconds_left(0) > 0
        self.begun.append(claim.delivery)
        self.begun_heavy += is_heavy
        self.room -= 1
        progress.note(DeliveryResult.DELIVERED)

    def capacity(self, account: AccountId, *, is_retry: bool, is_heavy: bool) -> int:  # noqa: ARG002
        return 0 if is_retry else min(self.room, self.room_of_heavy if account == HEAVY else self.room)


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
def sending() -> Sending:
    return Sending()


@pytest.fixture
async def claimer(store: Store, sending: Sending) -> Claimer:
    return Claimer(store.claim, sending.begin, sending.capacity)


def ids(count: int, name: str = "a") -> list[DeliveryId]:
    return [DeliveryId(f"dlv_{name}{n}") for n in range(count)]


def claim_of(delivery: DeliveryId) -> Claim:
    return Claim(
        delivery,
        EventId("evt_1"),
        WebhookId("wh_1"),
        HEAVY,
        "lease_token",
        1,
        0,
        "http://a.example/",
        ("whsec_",),
        {},
        b"{}",
    )


async def told(
    claimer: Claimer, deliveries: list[DeliveryId], account: AccountId = SMALL, *, attempt: int = 1
) -> MessageProgress:
    progress = MessageProgress(len(deliveries))
    claimer.add([(account, each) for each in deliveries], progress, attempt=attempt)
    await let_others_run(3)
    return progress


async def test_what_comes_alone_is_claimed_at_once(claimer: Claimer, store: Store, sending: Sending) -> None:
    progress = await told(claimer, ids(3))
    assert store.claims == [ids(3)]
    assert sending.begun == ids(3)
    assert await progress.wait() == Counter({DeliveryResult.DELIVERED: 3})


async def test_what_comes_while_all_lanes_are_busy_shares_the_next_claim(claimer: Claimer, store: Store) -> None:
    store.go_on.clear()
    for n in range(MAX_LIGHT_CLAIMS + 3):
        await told(claimer, ids(1, f"lane{n}_"))
    assert len(store.claims) == MAX_LIGHT_CLAIMS
    assert claimer.waiting(retries=False) == 3
    store.go_on.set()
    await let_others_run(5)
    assert len(store.claims) == MAX_LIGHT_CLAIMS + 1
    assert len(store.claims[-1]) == 3


async def test_a_heavy_account_keeps_nobody_out_of_the_next_claim(
    claimer: Claimer, store: Store, sending: Sending
) -> None:
    store.go_on.clear()
    await told(claimer, ids(5 * CLAIM_BATCH_SIZE), HEAVY)
    assert len(store.claims) == MAX_HEAVY_CLAIMS
    await told(claimer, ids(2, "small"))
    assert store.claims[MAX_HEAVY_CLAIMS:] == [ids(2, "small")]
    store.go_on.set()
    await let_others_run(20)
    assert len(store.claims) == 6
    assert (len(sending.begun), sending.begun_heavy) == (5 * CLAIM_BATCH_SIZE + 2, 5 * CLAIM_BATCH_SIZE)


async def test_those_who_share_messages_keep_no_heavy_account_out(claimer: Claimer, store: Store) -> None:
    store.go_on.clear()
    for n in range(MAX_LIGHT_CLAIMS + 3):
        await told(claimer, ids(1, f"lane{n}_"))
    await told(claimer, ids(HEAVY_FROM + 1, "flood"), HEAVY)
    assert store.claims[MAX_LIGHT_CLAIMS:] == [ids(HEAVY_FROM + 1, "flood")]


async def test_an_account_is_claimed_no_further_than_it_has_room_and_keeps_nobody_out(
    claimer: Claimer, store: Store, sending: Sending
) -> None:
    sending.room_of_heavy = 5
    store.go_on.clear()
    await told(claimer, ids(20), HEAVY)
    await told(claimer, ids(2, "small"))
    assert store.claims == [ids(5), ids(2, "small")]
    sending.room_of_heavy = 0  # they are being sent
    store.go_on.set()
    await let_others_run(5)
    assert len(store.claims) == 2


async def test_nothing_is_claimed_without_room_and_all_is_when_there_is_some(
    claimer: Claimer, store: Store, sending: Sending
) -> None:
    sending.room = 0
    await told(claimer, ids(5))
    assert (store.claims, claimer.waiting(retries=False)) == ([], 5)
    sending.room = 5
    claimer.resume(SMALL)
    claimer.claim_next()
    await let_others_run(3)
    assert sending.begun == ids(5)


async def test_what_another_holds_is_skipped_and_a_duplicate_message_does_nothing(
    claimer: Claimer, store: Store, sending: Sending
) -> None:
    sending.room = 0
    store.taken = {ids(2)[1]}
    first, again = await told(claimer, ids(2)), await told(claimer, ids(2))
    sending.room = 10
    claimer.resume(SMALL)
    claimer.claim_next()
    assert await first.wait() == Counter({DeliveryResult.DELIVERED: 1, DeliveryResult.SKIPPED: 1})
    assert await again.wait() == Counter({DeliveryResult.SKIPPED: 2})
    assert sending.begun == ids(1)


async def test_a_database_that_is_away_is_said_to_those_who_wait(claimer: Claimer, store: Store) -> None:
    store.error = Unavailable("away")
    progress = await told(claimer, ids(2))
    with pytest.raises(Unavailable):
        await progress.wait()
    store.error = None
    assert await (await told(claimer, ids(1))).wait() == Counter({DeliveryResult.DELIVERED: 1})


async def test_nobody_is_left_to_the_sweeper_for_what_another_has_waiting(claimer: Claimer, sending: Sending) -> None:
    sending.room = 0
    await told(claimer, ids(MAX_WAITING), HEAVY)
    assert claimer.waiting(retries=False) == MAX_WAITING // 2
    assert await (await told(claimer, ids(7, "more"), HEAVY)).wait() == Counter({DeliveryResult.SKIPPED: 7})
    await told(claimer, ids(MAX_WAITING, "second"), AccountId("acct_2"))
    await told(claimer, ids(7, "small"))
    assert claimer.waiting(retries=False) == MAX_WAITING // 2 + MAX_WAITING // 4 + 7
    assert sorted(claimer.accounts_with_many(1000, retries=False)) == ["acct_2", HEAVY]


@pytest.mark.parametrize("at_once", [1, 19, HEAVY_FROM, 500])
async def test_whoever_comes_next_is_claimed_next_whatever_another_has_waiting_and_however_it_came(
    claimer: Claimer, store: Store, sending: Sending, at_once: int
) -> None:
    sending.room = 0
    for number in range(5000 // at_once):
        claimer.add([(HEAVY, each) for each in ids(at_once, f"f{number}_")], MessageProgress(at_once), attempt=1)
    claimer.add([(SMALL, each) for each in ids(1, "small")], MessageProgress(1), attempt=1)
    sending.room = 10**6
    claimer.resume(None)
    claimer.claim_next()
    await let_others_run(3)
    assert ids(1, "small")[0] in store.claims[0][:2]


async def test_what_cannot_be_claimed_costs_nobody_else(claimer: Claimer, store: Store, sending: Sending) -> None:
    sending.room = 0
    good, poison = await told(claimer, ids(20)), await told(claimer, ids(1, "poison"), HEAVY)
    store.poison = ids(1, "poison")[0]
    sending.room = 10**6
    claimer.resume(None)
    claimer.claim_next()
    assert await good.wait() == Counter({DeliveryResult.DELIVERED: 20})
    with pytest.raises(ValueError, match="poison"):
        await poison.wait()


async def test_what_a_claim_leaves_out_is_claimed_with_the_next(
    claimer: Claimer, store: Store, sending: Sending
) -> None:
    store.most_at_once = 4
    progress = await told(claimer, ids(10))
    assert await progress.wait() == Counter({DeliveryResult.DELIVERED: 10})
    assert [len(claim) for claim in store.claims] == [10, 6, 2]
    assert sending.begun == ids(10)


async def test_claiming_costs_nothing_for_the_many_that_have_no_capacity(store: Store, sending: Sending) -> None:
    asked = Counter[AccountId]()

    def capacity(account: AccountId, **_: bool) -> int:
        asked[account] += 1
        return 0

    claimer = Claimer(store.claim, sending.begin, capacity)
    accounts = [AccountId(f"acct_{n}") for n in range(1000)]
    for account in accounts:
        claimer.add([(account, each) for each in ids(1, account)], MessageProgress(1), attempt=1)
    for _ in range(100):
        claimer.claim_next()
    assert asked == dict.fromkeys(accounts, 1)
    claimer.resume(accounts[7])
    claimer.claim_next()
    assert asked.total() == 1001


async def test_what_is_unclaimed_at_the_end_is_returned_as_it_came(
    claimer: Claimer, store: Store, sending: Sending
) -> None:
    sending.room = 0
    progress = await told(claimer, ids(3))
    flood = await told(claimer, ids(4, "flood"), HEAVY)
    retries = await told(claimer, ids(2, "retry"), attempt=3)
    assert await claimer.close() == {
        1: [(SMALL, each) for each in ids(3)] + [(HEAVY, each) for each in ids(4, "flood")],
        3: [(SMALL, each) for each in ids(2, "retry")],
    }
    assert await progress.wait() == Counter({DeliveryResult.SKIPPED: 3})
    assert await flood.wait() == Counter({DeliveryResult.SKIPPED: 4})
    assert await retries.wait() == Counter({DeliveryResult.SKIPPED: 2})
    assert claimer.waiting(retries=False) == claimer.waiting(retries=True) == 0
    sending.room = 10
    claimer.resume(None)
    claimer.claim_next()
    await let_others_run(3)
    assert store.claims == []
