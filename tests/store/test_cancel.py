"""What a deleted or disabled webhook will no longer get is canceled page by page, by whoever comes."""

import asyncio
from datetime import timedelta

import pytest

from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.outcome import Attempt, Rejected
from flux_dispatch.domain.retry import GiveUp, RetryAfter
from flux_dispatch.store.cancel import LINGER, PAUSE, CancelStore
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.pages import Page
from flux_dispatch.store.webhooks import WebhookStore
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event


@pytest.fixture
async def account(world: StoreHarness) -> AccountId:
    account = await world.account()
    await world.advance_clock(0)
    return account


@pytest.fixture
def cancel(world: StoreHarness) -> CancelStore:
    return CancelStore(world.database)


@pytest.fixture
def store(world: StoreHarness) -> DeliveryStore:
    return DeliveryStore(world.database, TIMING, SEALS)


async def clear_all(cancel: CancelStore, limit: int = 100) -> list[int]:
    """Look until there is nothing more to look at, and return how many were canceled each time."""
    canceled = []
    while cleared := await cancel.clear_one(limit=limit):
        canceled.append(cleared.canceled)
    return canceled


async def states(world: StoreHarness) -> list[str]:
    return [row.state for row in await world.rows("SELECT state FROM deliveries ORDER BY event_id, id")]


async def retry_later(store: DeliveryStore, delivery: DeliveryId) -> None:
    """Have the first attempt fail, and the next one be due in two hours."""
    lease = await store.claim([delivery])
    assert lease is not None
    attempt = Attempt(1, 0.1, Rejected(500))
    await store.settle(
        [
            Settlement(
                lease.claims[0].account, delivery, lease.claims[0].lease_token, attempt, RetryAfter(timedelta(hours=2))
            )
        ]
    )


async def test_what_waits_for_a_deleted_webhook_is_canceled_at_once_and_its_event_with_it(
    world: StoreHarness, cancel: CancelStore, store: DeliveryStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    tried, untried = await world.delivery(account), await world.delivery(account)
    await retry_later(store, tried)
    await WebhookStore(world.database, SEALS).delete(account, webhook)
    assert await clear_all(cancel) == [2]
    for delivery in (tried, untried):
        row = await world.state(delivery)
        assert (row.state, row.reason, row.due_at, row.sweep_at) == ("canceled", "webhook_deleted", None, None)
        assert row.ended_at is not None
    shown = await EventQueries(world.database).page(account, Page(10), {"status": "canceled"})
    assert [row.status for row in shown] == ["canceled", "canceled"]


async def test_very_many_are_canceled_page_by_page_the_newest_first(
    world: StoreHarness, cancel: CancelStore, account: AccountId
) -> None:
    await world.webhook(account, "*")
    for n in range(25):
        await world.publish(event(account, data={"n": n}))
    await world.do("UPDATE webhooks SET status = 'disabled', disabled_reason = 'gone', updated_at = flux_now()")
    assert await cancel.clear_one(limit=10) is not None
    assert await states(world) == ["pending"] * 15 + ["canceled"] * 10
    assert await clear_all(CancelStore(world.database), 10) == [10, 5]  # another worker goes on
    assert await states(world) == ["canceled"] * 25
    assert await world.scalar("SELECT DISTINCT reason FROM deliveries") == "webhook_disabled"


async def test_several_workers_share_the_work(world: StoreHarness, cancel: CancelStore, account: AccountId) -> None:
    for _ in range(3):
        await world.webhook(account, "*")
    for n in range(20):
        await world.publish(event(account, data={"n": n}))
    await world.do("UPDATE webhooks SET deleted_at = flux_now()")
    counts = await asyncio.gather(*(clear_all(cancel, 7) for _ in range(4)))
    counts = [*counts, await clear_all(cancel)]
    assert sum(map(sum, counts)) == 60
    assert set(await states(world)) == {"canceled"}


async def test_what_is_under_way_is_finished_and_what_it_leaves_behind_is_canceled(
    world: StoreHarness, cancel: CancelStore, store: DeliveryStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    delivery = await world.delivery(account)
    lease = await store.claim([delivery])
    assert lease is not None
    await WebhookStore(world.database, SEALS).delete(account, webhook)
    assert await clear_all(cancel) == [0]
    assert (await world.state(delivery)).state == "sending"
    attempt = Attempt(1, 0.1, Rejected(500))
    await store.settle(
        [
            Settlement(
                lease.claims[0].account, delivery, lease.claims[0].lease_token, attempt, RetryAfter(timedelta(hours=2))
            )
        ]
    )
    await world.advance_clock(PAUSE.total_seconds())
    assert await clear_all(cancel) == [1]
    assert (await world.state(delivery)).state == "canceled"


async def test_what_was_accepted_while_the_webhook_was_being_deleted_is_found_and_then_nobody_looks_again(
    world: StoreHarness, cancel: CancelStore, account: AccountId
) -> None:
    webhook = await world.webhook(account, "*")
    await WebhookStore(world.database, SEALS).delete(account, webhook)
    assert await clear_all(cancel) == [0]
    await world.do(
        "INSERT INTO subscriptions VALUES (CAST(:account AS uuid), '*', CAST(:webhook AS uuid))",
        account=parse_id(Prefix.ACCOUNT, account),
        webhook=parse_id(Prefix.WEBHOOK, webhook),
    )
    await world.publish(event(account))  # as a statement sees it that began before
    await world.advance_clock(LINGER.total_seconds())
    assert await clear_all(cancel) == [1]
    await world.advance_clock(PAUSE.total_seconds())
    assert await clear_all(cancel) == [0]
    assert await world.scalar("SELECT cancel_at FROM webhooks") is None


async def test_a_webhook_that_is_enabled_again_loses_nothing_that_is_left(
    world: StoreHarness, cancel: CancelStore, account: AccountId
) -> None:
    await world.webhook(account, "*")
    for n in range(3):
        await world.publish(event(account, data={"n": n}))
    await world.do("UPDATE webhooks SET status = 'disabled', updated_at = flux_now()")
    assert await cancel.clear_one(limit=1) is not None
    await world.do("UPDATE webhooks SET status = 'enabled', updated_at = flux_now()")
    await world.publish(event(account))
    assert await clear_all(cancel) == []
    assert await states(world) == ["pending", "pending", "canceled", "pending"]


async def test_a_410_has_the_others_canceled_and_what_ended_is_left_alone(
    world: StoreHarness, cancel: CancelStore, store: DeliveryStore, account: AccountId
) -> None:
    await world.webhook(account, "order.*")
    gone, waiting = await world.delivery(account), await world.delivery(account)
    await world.webhook(account, "other")
    other = await world.delivery(account, "other")
    lease = await store.claim([gone])
    assert lease is not None
    await store.settle(
        [
            Settlement(
                lease.claims[0].account,
                gone,
                lease.claims[0].lease_token,
                Attempt(1, 0.1, Rejected(410)),
                GiveUp("gone"),
            )
        ]
    )
    assert len(await FailureStore(world.database).fail([gone])) == 1
    assert await clear_all(cancel) == [1]
    found = [(await world.state(each)).state for each in (gone, waiting, other)]
    assert found == ["failed", "canceled", "pending"]


async def test_an_edit_of_a_webhook_cancels_nothing(
    world: StoreHarness, cancel: CancelStore, account: AccountId
) -> None:
    webhook: WebhookId = await world.webhook(account, "*")
    await world.delivery(account)
    await world.do("UPDATE webhooks SET description = 'new', updated_at = flux_now()")
    await world.do("UPDATE webhooks SET status = 'enabled', updated_at = flux_now()")
    assert webhook
    assert await clear_all(cancel) == []
    assert await states(world) == ["pending"]
