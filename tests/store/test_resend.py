"""However many webhooks want an event, it is sent again in steps, each by its indexes, and enqueued after each."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, parse_id
from flux_dispatch.engine.resend import STEP_SIZE, Resend
from flux_dispatch.store import resend
from flux_dispatch.store.resend import ResendStore
from flux_dispatch.store.retry import due_now
from flux_dispatch.store.webhooks import WebhookQueries
from tests.store.test_fan_out import many_webhooks
from tests.store.test_query_plans import _explained, _read_from_end_to_end
from tests.support.recount import STATUSES_THAT_DIFFER
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event
from tests.support.waiting import eventually_async


class Queue:
    """Notes what is enqueued, and of how many deliveries the database knew by then."""

    def __init__(self) -> None:
        self.enqueued: list[tuple[int, int]] = []

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        assert countdown_seconds == 0
        self.enqueued.append((attempt, len(deliveries)))


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def resend_event(world: StoreHarness, queue: Queue) -> Resend:
    return Resend(ResendStore(world.database, TIMING), WebhookQueries(world.database, SEALS), queue)


@pytest.mark.parametrize("count", [1, STEP_SIZE, 2 * STEP_SIZE + 7])
async def test_every_webhook_gets_it_once_more_in_steps(
    world: StoreHarness, resend_event: Resend, queue: Queue, count: int
) -> None:
    account = await world.account()
    (stored,) = await world.publish(event(account))
    await many_webhooks(world, account, count)
    for again in (1, 2):
        queue.enqueued.clear()
        assert len(set(await resend_event(account, stored.event.id))) == count
        assert queue.enqueued == [(1, min(STEP_SIZE, count - done)) for done in range(0, count, STEP_SIZE)]
        assert await world.scalar("SELECT count(DISTINCT webhook_id) FROM deliveries") == count
        assert await world.scalar("SELECT count(*) FROM deliveries") == again * count
        await world.do(
            "UPDATE deliveries SET state = 'delivered', ended_at = flux_now(), due_at = NULL, sweep_at = NULL"
        )


async def test_what_has_attempts_behind_it_is_enqueued_by_the_number_of_its_next(
    world: StoreHarness, resend_event: Resend, queue: Queue
) -> None:
    account = await world.account()
    for _ in range(3):
        await world.webhook(account, "*")
    (stored,) = await world.publish(event(account))
    first, second, third = (UUID(parse_id(Prefix.DELIVERY, each)) for each in stored.deliveries)
    await world.do("UPDATE deliveries SET attempts = 5 WHERE id = :id", id=first)
    await world.put(first, "failed")
    await world.put(second, "delivered")
    await world.put(third, "sending")
    assert len(await resend_event(account, stored.event.id)) == 3
    assert sorted(queue.enqueued) == [(1, 1), (6, 1)]
    assert await world.rows(STATUSES_THAT_DIFFER) == []


async def test_what_a_worker_claims_meanwhile_is_left_to_it(world: StoreHarness) -> None:
    """A claim that is not committed yet holds the row: whoever resends waits, and finds it being attempted."""
    account = await world.account()
    webhook = await world.webhook(account, "*")
    (stored,) = await world.publish(event(account))
    store = ResendStore(world.database, TIMING)
    async with world.database.execution_options(isolation_level="READ COMMITTED").begin() as claiming:
        await claiming.exec_driver_sql("UPDATE deliveries SET state = 'sending', lease_token = gen_random_uuid()")
        asking = asyncio.create_task(store.resend(account, stored.event.id, [webhook]))

        await eventually_async(lambda: _wait(world, 1), "it waits for the row")
    (resent,) = await asking
    assert (resent.delivery, resent.is_due) == (stored.deliveries[0], False)
    assert (await world.state(resent.delivery)).state == "sending"


async def test_who_comes_second_sees_what_the_first_has_made(world: StoreHarness) -> None:
    """The first cannot end, for somebody holds the event that it must have not failed any more."""
    account = await world.account()
    webhooks = [await world.webhook(account, "*") for _ in range(2)]
    (stored,) = await world.publish(event(account))
    for delivery, state in zip(stored.deliveries, ("delivered", "failed"), strict=True):
        await world.put(_uuid(Prefix.DELIVERY, delivery), state)
    store = ResendStore(world.database, TIMING)
    async with world.database.execution_options(isolation_level="READ COMMITTED").begin() as holding:
        await holding.exec_driver_sql("SELECT FROM events FOR NO KEY UPDATE")
        asking = []
        for count in (1, 2):
            asking.append(asyncio.create_task(store.resend(account, stored.event.id, webhooks)))
            await eventually_async(partial(_wait, world, count), f"{count} wait")
    first, second = await asyncio.gather(*asking)
    assert {each.delivery for each in first} == {each.delivery for each in second}
    assert await world.scalar("SELECT count(*) FROM deliveries") == 3


async def test_a_webhook_that_was_disabled_meanwhile_gets_nothing(world: StoreHarness) -> None:
    account, other = await world.account(), await world.account()
    webhook, theirs = await world.webhook(account, "*"), await world.webhook(other, "*")
    (stored,) = await world.publish(event(account))
    await world.put(UUID(parse_id(Prefix.DELIVERY, stored.deliveries[0])), "delivered")
    await world.do("UPDATE webhooks SET status = 'disabled' WHERE account_id = :id", id=_uuid(Prefix.ACCOUNT, account))
    store = ResendStore(world.database, TIMING)
    assert await store.resend(account, stored.event.id, [webhook, theirs]) == []
    assert await world.scalar("SELECT count(*) FROM deliveries") == 1


@pytest.mark.timeout(120)
async def test_its_statements_go_by_their_indexes_however_much_there_is(world: StoreHarness) -> None:
    account = await world.account()
    await many_webhooks(world, account, 50)
    await world.do(
        "INSERT INTO events (id, account_id, type, created_at, body) "
        "SELECT flux_new_id(), CAST(:account AS uuid), 'order.completed', flux_now(), '{}' "
        "FROM generate_series(1, 2000)",
        account=parse_id(Prefix.ACCOUNT, account),
    )
    await world.do(
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state, ended_at) "
        "SELECT events.id, webhooks.id, webhooks.account_id, 'delivered', flux_now() FROM events, webhooks"
    )
    await world.do("ANALYZE")
    given: dict[str, Any] = {
        "account": parse_id(Prefix.ACCOUNT, account),
        "event": (await world.scalar("SELECT id FROM events LIMIT 1")).hex,
        "webhooks": [row.id.hex for row in await world.rows("SELECT id FROM webhooks")],
        "ids": [row.id.hex for row in await world.rows("SELECT id FROM deliveries LIMIT 50")],
        "patterns": ["*", "order.*", "order.completed"],
        "after": "0" * 32,
        "limit": STEP_SIZE,
        "pending": "pending",
        **due_now(TIMING),
    }
    statements = (resend._EVENT, resend._MATCHING, resend._LATEST, resend._MAKE_DUE, resend._ADD_DELIVERIES)
    for statement in statements:
        nodes = await _explained(world, statement.text, given, analyze=True)
        assert not _read_from_end_to_end(nodes) & {"deliveries", "events"}, statement.text
        read = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in nodes if "Scan" in str(node))
        assert read < 1000, statement.text


async def _wait(world: StoreHarness, count: int) -> bool:
    return bool(await world.scalar("SELECT count(*) = :count FROM pg_locks WHERE NOT granted", count=count))


def _uuid(prefix: Prefix, text: str) -> UUID:
    return UUID(parse_id(prefix, text))
