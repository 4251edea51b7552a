"""What is wrong with one of a group costs that one only, on the real store: the others are stored and settled."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.errors import CallerError
from flux_dispatch.domain.ids import AccountId, DeliveryId
from flux_dispatch.domain.outcome import Attempt, Succeeded
from flux_dispatch.domain.retry import Done
from flux_dispatch.engine.flow.message_progress import DeliveryResult
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.engine.publish import Publish
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.publish import EventStore
from tests.support.queues import SilentQueue
from tests.support.store_harness import SEALS, TIMING, StoreHarness, database_clock, event
from tests.support.waiting import let_others_run

MALFORMED: list[tuple[Any, Any, Any]] = [
    ("customer-7", "order.completed", {}),
    (None, "order.completed", {}),
    (7, "order.completed", {}),
    ("evt_00000000000070008000000000000001", "order.completed", {}),
    ("OURS", "order.completed", None),
    ("OURS", "order.completed", [1]),
    ("OURS", "order.completed", "text"),
    ("OURS", None, {}),
    ("OURS", {"a": 1}, {}),
]


@pytest.mark.parametrize(("account", "event_type", "data"), MALFORMED)
async def test_a_malformed_event_costs_no_other_event(
    world: StoreHarness, account: Any, event_type: Any, data: Any
) -> None:
    ours = await world.account()
    accept = Publish(
        EventStore(world.database, TIMING),
        SilentQueue(),
        database_clock(world),
        first_delay=timedelta(0),
        horizon=TIMING.horizon,
    )
    good = [accept(ours, "order.completed", {"n": n}) for n in range(20)]
    poison = accept(ours if account == "OURS" else account, event_type, data)
    outcomes = await asyncio.gather(*good[:10], poison, *good[10:], return_exceptions=True)
    assert isinstance(outcomes.pop(10), CallerError)
    assert not [each for each in outcomes if isinstance(each, BaseException)]
    assert await world.scalar("SELECT count(*) FROM events") == 20


async def test_an_event_that_the_database_refuses_costs_no_other_event(world: StoreHarness) -> None:
    ours = await world.account()
    await world.do("ALTER TABLE events ADD CHECK (type <> 'order.refused')")
    accept = Publish(
        EventStore(world.database, TIMING),
        SilentQueue(),
        database_clock(world),
        first_delay=timedelta(0),
        horizon=TIMING.horizon,
    )
    types = ["order.refused" if n in {3, 17} else "order.completed" for n in range(30)]
    outcomes = await asyncio.gather(*(accept(ours, each, {}) for each in types), return_exceptions=True)
    refused = [n for n, each in enumerate(outcomes) if isinstance(each, Exception)]
    assert refused == [3, 17]
    assert await world.scalar("SELECT count(*) FROM events") == 28


async def test_an_outcome_that_cannot_be_written_costs_no_other_outcome(world: StoreHarness) -> None:
    ours: AccountId = await world.account()
    await world.webhook(ours, "*")
    deliveries = [
        each for stored in await world.publish(*(event(ours) for _ in range(8))) for each in stored.deliveries
    ]
    store = DeliveryStore(world.database, TIMING, SEALS)
    lease = await store.claim(deliveries)
    assert lease is not None
    settler = Settler(store, SilentQueue(), TIMING.horizon)
    words: dict[DeliveryId, DeliveryResult] = {}
    for claim in lease.claims:
        outcome = Succeeded(200, "NUL: \0" if claim.delivery == deliveries[5] else "thanks")
        settlement = Settlement(claim.account, claim.delivery, claim.lease_token, Attempt(1, 0.1, outcome), Done())
        settler.settle(settlement, lambda word, of=claim.delivery: words.__setitem__(of, word))
    await let_others_run()
    await settler.drain()
    assert words == dict.fromkeys(deliveries, DeliveryResult.DELIVERED) | {deliveries[5]: DeliveryResult.LEASE_LOST}
    states = {row.id.hex: row.state for row in await world.rows("SELECT id, state FROM deliveries")}
    assert [states[each.removeprefix("dlv_")] for each in deliveries] == ["delivered"] * 5 + ["sending"] + [
        "delivered"
    ] * 2
