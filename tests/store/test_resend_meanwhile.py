"""An event is sent again while a delivery of it is given up: whoever comes first, both hold, and no two wait crosswise.

Whoever comes first is stopped in the middle, by a row that the test holds, until the other one waits as well.
"""

import asyncio
from typing import cast
from uuid import UUID

import pytest

from flux_dispatch.domain.event import StoredEvent
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId, format_id, parse_id
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.resend import ResendStore
from tests.support.recount import STATUSES_THAT_DIFFER
from tests.support.store_harness import TIMING, StoreHarness, event
from tests.support.waiting import eventually_async

SECOND_EVENT = "SELECT FROM events ORDER BY id DESC LIMIT 1 FOR NO KEY UPDATE"
"""Deliveries of two events are given up at once: this stops that when the first event is locked and marked already."""

STATUS = "SELECT FROM event_statuses ORDER BY event_id LIMIT 1 FOR NO KEY UPDATE"
EXHAUSTED = "SELECT FROM deliveries WHERE state = 'exhausted' ORDER BY event_id LIMIT 1 FOR NO KEY UPDATE"
FIRST = ["failure first", "resend first"]


@pytest.mark.parametrize(("first", "held"), [("failure", SECOND_EVENT), ("resend", STATUS)], ids=FIRST)
async def test_an_event_of_which_another_delivery_is_given_up_meanwhile_has_failed(
    world: StoreHarness, account: AccountId, first: str, held: str
) -> None:
    webhook, _ = [await world.webhook(account, "*") for _ in range(2)]
    mine, other = await publish_two(world, account)
    for each in (mine, other):
        await world.put(uuid(each.deliveries[0]), "failed")
        await world.put(uuid(each.deliveries[1]), "exhausted")
    await world.do("UPDATE events SET failed_at = flux_now()")
    await race(world, mine, webhook, first=first, held=held)
    assert (await world.state(mine.deliveries[0])).state == "scheduled"
    assert (await world.state(mine.deliveries[1])).state == "failed"


@pytest.mark.parametrize(("first", "held"), [("failure", SECOND_EVENT), ("resend", EXHAUSTED)], ids=FIRST)
async def test_what_is_being_given_up_ends_so_and_the_webhook_gets_the_event_by_another_delivery(
    world: StoreHarness, account: AccountId, first: str, held: str
) -> None:
    webhook = await world.webhook(account, "*")
    mine, other = await publish_two(world, account)
    for each in (mine, other):
        await world.put(uuid(each.deliveries[0]), "exhausted")
    await race(world, mine, webhook, first=first, held=held)
    assert (await world.state(mine.deliveries[0])).state == "failed"


async def publish_two(world: StoreHarness, account: AccountId) -> list[StoredEvent]:
    """Return two events in the order of their ids, each with its deliveries in that of its webhooks."""
    return sorted(await world.publish(event(account), event(account)), key=lambda each: each.event.id)


async def race(world: StoreHarness, stored: StoredEvent, webhook: WebhookId, *, first: str, held: str) -> None:
    """Have an event sent again to a webhook and all that is exhausted given up, and look whether all agrees then."""
    rows = await world.rows("SELECT id FROM deliveries WHERE state = 'exhausted'")
    exhausted = [cast(DeliveryId, format_id(Prefix.DELIVERY, row.id.hex)) for row in rows]

    async def resend() -> None:
        (resent,) = await ResendStore(world.database, TIMING).resend(stored.event.account, stored.event.id, [webhook])
        assert resent.is_due

    async def give_up() -> None:
        assert len(await FailureStore(world.database).fail(exhausted)) == len(exhausted)

    both = []
    async with world.database.execution_options(isolation_level="READ COMMITTED").begin() as holding:
        await holding.exec_driver_sql(held)
        for verb in (give_up, resend) if first == "failure" else (resend, give_up):
            both.append(asyncio.create_task(verb()))
            await eventually_async(lambda: is_waited_for(world, by=len(both)), f"{len(both)} wait")
    await asyncio.gather(*both)
    mine = {"event": UUID(parse_id(Prefix.EVENT, stored.event.id))}
    assert await world.scalar("SELECT count(*) FROM deliveries WHERE event_id = :event AND ending = 0", **mine) == 1
    assert await world.scalar("SELECT count(*) FROM events WHERE failed_at IS NULL") == 0
    assert await world.scalar("SELECT count(*) FROM alerts") == len(exhausted)
    assert await world.rows(STATUSES_THAT_DIFFER) == []


async def is_waited_for(world: StoreHarness, *, by: int) -> bool:
    return bool(await world.scalar("SELECT count(DISTINCT pid) = :by FROM pg_locks WHERE NOT granted", by=by))


def uuid(delivery: DeliveryId) -> UUID:
    return UUID(parse_id(Prefix.DELIVERY, delivery))
