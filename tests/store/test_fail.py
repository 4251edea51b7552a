"""A final failure marks delivery and event and stores one alert, however often and crosswise it is asked for."""

import asyncio

import pytest

from flux_dispatch.domain.alert_pace import AlertPace
from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.ids import DeliveryId, Prefix, parse_id
from flux_dispatch.domain.outcome import Attempt, Rejected
from flux_dispatch.domain.retry import GiveUp
from flux_dispatch.domain.webhook import WebhookChange
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.fail import FailureStore
from flux_dispatch.store.unsent_alerts import UnsentAlertStore
from flux_dispatch.store.webhooks import WebhookStore
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event


@pytest.fixture
def failures(world: StoreHarness) -> FailureStore:
    return FailureStore(world.database)


async def exhaust(world: StoreHarness, deliveries: list[DeliveryId], status: int = 500, reason: str = "spent") -> None:
    store = DeliveryStore(world.database, TIMING, SEALS)
    lease = await store.claim(deliveries)
    assert lease is not None
    attempt = Attempt(5, 0.1, Rejected(status))
    await store.settle(
        [Settlement(each.account, each.delivery, each.lease_token, attempt, GiveUp(reason)) for each in lease.claims]
    )


async def test_a_failure_is_written_in_all_three_places(world: StoreHarness, failures: FailureStore) -> None:
    account = await world.account()
    webhook = await world.webhook(account, "*", url="http://127.0.0.1:9/dead")
    delivery = await world.delivery(account)
    await exhaust(world, [delivery])
    alerts = await failures.fail([delivery])
    assert (await world.state(delivery)).state == "failed"
    assert await world.scalar("SELECT failed_at IS NOT NULL FROM events")
    unsent = UnsentAlertStore(world.database, AlertPace())
    async with unsent.take(alerts) as taken:
        (alert,) = taken.alerts
    assert (alert.webhook, alert.delivery, alert.url) == (webhook, delivery, "http://127.0.0.1:9/dead")
    assert (alert.reason, alert.last_status, alert.last_error) == ("spent", 500, "http_status")
    assert alert.advice is not None
    assert alert.advice.startswith("Your endpoint answered 500.")
    async with unsent.take(alerts) as taken:
        assert taken.alerts == []


async def test_only_what_is_exhausted_fails(world: StoreHarness, failures: FailureStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    assert await failures.fail([delivery]) == []
    assert (await world.state(delivery)).state == "pending"


async def test_many_at_once_and_crosswise_give_one_alert_each(world: StoreHarness, failures: FailureStore) -> None:
    account = await world.account()
    for _ in range(4):
        await world.webhook(account, "*")
    stored = await world.publish(*(event(account) for _ in range(10)))
    deliveries = [each for one in stored for each in one.deliveries]
    await exhaust(world, deliveries)
    by_webhook = [deliveries[n::4] for n in range(4)]
    orders = [deliveries, deliveries[::-1], *by_webhook, *(each[::-1] for each in by_webhook)]
    alerts = await asyncio.gather(*(failures.fail(order) for order in orders))
    assert sum(len(each) for each in alerts) == 40
    assert await world.scalar("SELECT count(*) FROM alerts") == 40
    assert await world.scalar("SELECT count(*) FROM events WHERE failed_at IS NOT NULL") == 10


@pytest.mark.parametrize(("status", "reason"), [(500, "attempts_exhausted"), (410, "gone")])
async def test_a_test_fails_without_an_alert_and_disables_nothing(
    world: StoreHarness, failures: FailureStore, status: int, reason: str
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    test, real = await world.delivery(account), await world.delivery(account)
    await world.do(
        "UPDATE deliveries SET is_test = true WHERE id = CAST(:id AS uuid)", id=parse_id(Prefix.DELIVERY, test)
    )
    await exhaust(world, [test], status=status, reason=reason)
    assert await failures.fail([test]) == []
    assert (await world.state(test)).state == "failed"
    assert await world.scalar("SELECT status FROM webhooks") == "enabled"
    await exhaust(world, [real], status=status, reason=reason)
    assert len(await failures.fail([test, real])) == 1


async def test_a_receiver_that_is_gone_has_its_webhook_disabled(world: StoreHarness, failures: FailureStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    await exhaust(world, [delivery], status=410, reason="gone")
    await failures.fail([delivery])
    (webhook,) = await world.rows("SELECT status, disabled_reason FROM webhooks")
    assert tuple(webhook) == ("disabled", "gone")


async def test_one_that_was_deleted_meanwhile_is_not_disabled(world: StoreHarness, failures: FailureStore) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    delivery = await world.delivery(account)
    await exhaust(world, [delivery], status=410, reason="gone")
    await world.do("UPDATE webhooks SET deleted_at = flux_now()")
    await failures.fail([delivery])
    assert await world.scalar("SELECT status FROM webhooks") == "enabled"
    assert await world.scalar("SELECT count(*) FROM webhook_health") == 0
    assert await world.scalar("SELECT count(*) FROM audit_entries") == 0


async def test_one_that_was_mended_meanwhile_is_not_disabled_for_what_was_before(
    world: StoreHarness, failures: FailureStore
) -> None:
    """A final failure whose task was lost is found seconds later; by then the URL may be another."""
    account = await world.account()
    webhook = await world.webhook(account, "*")
    first, second = [await world.delivery(account) for _ in range(2)]
    await world.advance_clock(1)
    await exhaust(world, [first], status=410, reason="gone")
    await world.advance_clock(1)
    mended = WebhookChange(url="https://example.com/mended")
    assert await WebhookStore(world.database, SEALS).update(account, webhook, mended)
    assert len(await failures.fail([first])) == 1
    assert await world.scalar("SELECT status FROM webhooks") == "enabled"
    assert await world.scalar("SELECT count(*) FROM webhook_health") == 0
    await world.advance_clock(1)
    await exhaust(world, [second], status=410, reason="gone")
    assert len(await failures.fail([second])) == 1
    assert await world.scalar("SELECT status FROM webhooks") == "disabled"


async def test_people_are_told_that_it_is_disabled_unless_that_is_switched_off(world: StoreHarness) -> None:
    account = await world.account()
    for disables_gone, status, told in ((False, "enabled", 0), (True, "disabled", 1)):
        await world.do("UPDATE webhooks SET deleted_at = flux_now()")
        await world.webhook(account, "*")
        delivery = await world.delivery(account)
        await exhaust(world, [delivery], status=410, reason="gone")
        assert len(await FailureStore(world.database, disables_gone=disables_gone).fail([delivery])) == 1
        assert await world.scalar("SELECT status FROM webhooks WHERE deleted_at IS NULL") == status
        assert await world.scalar("SELECT count(*) FROM webhook_health WHERE health = 'disabled'") == told
