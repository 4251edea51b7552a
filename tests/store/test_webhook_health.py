"""A webhook to which every attempt fails is told of, disabled after days, and told of when it recovers: each once."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.claim import Settlement
from flux_dispatch.domain.event import rfc3339_seconds
from flux_dispatch.domain.ids import AccountId, Prefix, WebhookId, parse_id
from flux_dispatch.domain.outcome import Attempt, Succeeded
from flux_dispatch.domain.retry import Done
from flux_dispatch.domain.webhook import Status, WebhookChange
from flux_dispatch.domain.webhook_health import SOONEST_LOOK, HealthPolicy
from flux_dispatch.engine.check_health import CheckHealth
from flux_dispatch.store.connect import transaction
from flux_dispatch.store.deliver import DeliveryStore
from flux_dispatch.store.send_test import SendTestStore
from flux_dispatch.store.statistics import StatisticsStore
from flux_dispatch.store.webhook_health import HealthStore
from flux_dispatch.store.webhooks import WebhookStore
from tests.support.alerting import LINKS, PACE, Alerting, counts, exhaust
from tests.support.described import check_own_event
from tests.support.store_harness import SEALS, TIMING, StoreHarness, event

POLICY = HealthPolicy()
FAILING, DISABLED, RECOVERED = AlertKind.WEBHOOK_FAILING, AlertKind.WEBHOOK_DISABLED, AlertKind.WEBHOOK_RECOVERED


class Health:
    """A webhook, its attempts, and the verbs that look at it."""

    def __init__(self, world: StoreHarness, policy: HealthPolicy = POLICY) -> None:
        self.world = world
        self.alerting = Alerting(world)
        self.statistics = StatisticsStore(world.database, policy.failing_after)
        self.check = CheckHealth(HealthStore(world.database, PACE), policy, LINKS)

    async def attempts(self, webhook: WebhookId, ends: str) -> None:
        """Have attempts end like this now, `+` for one that delivered and `-` for one that failed, and roll them up."""
        await self.world.do(
            """INSERT INTO webhook_tallies (bucket, webhook_ids, delivered, durations)
               VALUES (date_bin('5 minutes', flux_now(), TIMESTAMPTZ '2000-01-01 00:00:00+00'), :ids, :delivered,
                       array_fill(CAST(0.1 AS real), ARRAY[CAST(:count AS int)]))""",
            ids=[UUID(parse_id(Prefix.WEBHOOK, webhook))] * len(ends),
            delivered=[each == "+" for each in ends],
            count=len(ends),
        )
        await self.statistics.roll_up_some(100)

    async def tests(self, account: AccountId, webhook: WebhookId, ends: str) -> None:
        """Send so many tests that end like this, in the way that they do, and roll them up."""
        store = DeliveryStore(self.world.database, TIMING, SEALS)
        for each in ends:
            delivery = await SendTestStore(self.world.database, TIMING).add(event(account), webhook)
            assert delivery
            if each == "-":
                await exhaust(self.world, [delivery])
                assert await self.alerting.failures.fail([delivery]) == []
                continue
            lease = await store.claim([delivery])
            assert lease
            (claim,) = lease.claims
            ended = Attempt(claim.attempt, 0.1, Succeeded(200))
            assert await store.settle([Settlement(account, delivery, claim.lease_token, ended, Done())]) == {delivery}
        await self.statistics.roll_up_some(100)

    async def after(self, seconds: float) -> list[tuple[WebhookId, AlertKind]]:
        """Move the clock on, look, and return what is told then."""
        await self.world.advance_clock(seconds)
        await self.check.run_once()
        sent = await self.alerting.after(1000)
        return [each for message in sent for each in counts(message)]

    async def published(self) -> list[tuple[str, Any]]:
        """Return type and data of the events of the engine's own, the oldest first; each is as it is described."""
        rows = await self.world.rows("SELECT id, type, CAST(data AS jsonb) AS data, written_at FROM outbox ORDER BY id")
        for row in rows:
            created = rfc3339_seconds(row.written_at)
            check_own_event({"id": f"evt_{row.id.hex}", "type": row.type, "created": created, "data": row.data})
        return [(row.type, row.data) for row in rows]

    async def set(self, status: str) -> None:
        """Have somebody enable or disable all webhooks."""
        await self.world.do("UPDATE webhooks SET status = :status, disabled_reason = NULL", status=status)

    async def stored(self) -> list[Any]:
        return [tuple(row) for row in await self.world.rows("SELECT health FROM webhook_health")]


@pytest.fixture
async def health(world: StoreHarness, account: AccountId) -> Health:
    health = Health(world)
    await health.alerting.channel(account)
    return health


async def test_a_webhook_that_fails_for_a_while_is_told_once(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.attempts(webhook, "--")
    assert await health.stored() == [("suspect",)]
    await health.world.advance_clock(300)
    await health.attempts(webhook, "---")
    assert await health.after(299) == []
    await health.attempts(webhook, "-")
    assert await health.after(60) == [(webhook, FAILING)]
    for _ in range(5):
        await health.attempts(webhook, "--")
        assert await health.after(7200) == []
    assert await health.stored() == [("failing",)]


async def test_few_failures_are_no_outage(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.attempts(webhook, "--")
    assert await health.after(601) == []
    assert await health.after(86_400) == []
    await health.check.run_once()
    assert await health.after(86_400) == []
    assert await health.stored() == []


async def test_what_was_delivered_before_in_the_same_five_minutes_is_no_failed_attempt(
    health: Health, account: AccountId
) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.attempts(webhook, "+" * 100)
    await health.attempts(webhook, "---")
    assert await health.after(601) == []
    await health.attempts(webhook, "---")
    assert await health.after(601) == [(webhook, FAILING)]
    (digest,) = health.alerting.sender.sent[-1].digests
    assert digest.detail["attempts"] == 6


async def test_a_test_that_fails_says_nothing_of_a_webhook(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.tests(account, webhook, "------")
    assert await health.stored() == []
    await health.attempts(webhook, "----")
    await health.tests(account, webhook, "---")
    assert await health.after(601) == []
    assert await health.stored() == [("suspect",)]
    await health.attempts(webhook, "-")
    assert await health.after(601) == [(webhook, FAILING)]
    (digest,) = health.alerting.sender.sent[-1].digests
    assert digest.detail["attempts"] == 5
    await health.world.advance_clock(86_400 * 5)
    await health.tests(account, webhook, "-")
    assert await health.after(0) == []
    assert await health.world.scalar("SELECT status FROM webhooks") == "enabled"
    await health.attempts(webhook, "-")
    await health.set("disabled")
    assert await health.after(86_400) == []
    await health.set("enabled")
    await health.tests(account, webhook, "-")
    assert await health.stored() == [("unresolved",)]
    await health.tests(account, webhook, "-+")
    assert await health.after(5) == [(webhook, RECOVERED)]


async def test_a_webhook_that_delivers_now_and_then_does_not_fail(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.attempts(webhook, "+-")
    assert await health.stored() == []
    for _ in range(5):
        await health.attempts(webhook, "---")
        await health.world.advance_clock(120)
        await health.attempts(webhook, "+")
        assert await health.stored() == []
    assert await health.after(601) == []


async def test_a_webhook_that_was_told_to_fail_recovers_once(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.world.webhook(account, "flux.*")
    await health.attempts(webhook, "------")
    assert await health.after(600) == [(webhook, FAILING)]
    await health.attempts(webhook, "+-")
    assert await health.after(5) == [(webhook, RECOVERED)]
    await health.attempts(webhook, "+")
    assert await health.after(5) == []
    assert await health.stored() == []
    assert [each for each, _ in await health.published()] == ["flux.webhook.failing", "flux.webhook.recovered"]


async def test_after_five_days_it_is_disabled_and_told_with_the_reason(health: Health, account: AccountId) -> None:
    world = health.world
    webhook = await world.webhook(account, "*")
    await world.webhook(account, "flux.webhook.disabled")
    await health.attempts(webhook, "------")
    assert await health.after(600) == [(webhook, FAILING)]
    for _ in range(9):
        await world.advance_clock(43_200)
        await health.attempts(webhook, "-")
        assert await health.after(0) == []
    await world.advance_clock(43_200)
    await health.attempts(webhook, "-")
    assert await health.after(0) == [(webhook, DISABLED)]
    (row,) = await world.rows(
        "SELECT status, disabled_reason FROM webhooks WHERE id = CAST(:id AS uuid)",
        id=parse_id(Prefix.WEBHOOK, webhook),
    )
    assert tuple(row) == ("disabled", "failing")
    (digest,) = health.alerting.sender.sent[-1].digests
    assert digest.detail["reason"] == "failing"
    ((event_type, data),) = await health.published()
    assert (event_type, data["webhook"], data["reason"]) == ("flux.webhook.disabled", webhook, "failing")
    assert await health.after(86_400) == []
    await health.set("enabled")
    await health.attempts(webhook, "-+")
    assert await health.after(5) == [(webhook, RECOVERED)]


async def test_what_is_not_tried_any_more_is_not_disabled(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.attempts(webhook, "------")
    assert await health.after(600) == [(webhook, FAILING)]
    for _ in range(8):
        assert await health.after(86_400) == []
    assert await health.world.scalar("SELECT status FROM webhooks") == "enabled"


async def test_disabling_can_be_switched_off(world: StoreHarness, account: AccountId) -> None:
    health = Health(world, HealthPolicy(disable_after=None))
    webhook = await world.webhook(account, "*")
    for _ in range(10):
        await health.attempts(webhook, "------")
        await health.after(86_400)
    assert await world.scalar("SELECT status FROM webhooks") == "enabled"
    assert await health.stored() == [("failing",)]


async def test_one_that_is_gone_is_told_and_forgotten(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.alerting.failed(account, 3, status=410)
    assert await health.after(0) == [(webhook, DISABLED)]
    assert health.alerting.sender.sent[-1].digests[0].detail["reason"] == "gone"
    assert await health.after(86_400) == []


async def test_whoever_was_told_that_it_was_disabled_is_told_once_that_it_delivers_again(
    health: Health, account: AccountId
) -> None:
    webhook = await health.world.webhook(account, "order.*")
    await health.world.webhook(account, "flux.*")
    await health.alerting.failed(account, status=410)
    assert await health.after(0) == [(webhook, DISABLED)]
    await health.attempts(webhook, "+")  # it was on its way before
    assert await health.after(5) == []
    await health.set("enabled")
    assert await health.after(86_400) == []
    await health.attempts(webhook, "+")
    assert await health.after(5) == [(webhook, RECOVERED)]
    assert await health.stored() == []
    assert [each for each, _ in await health.published()] == ["flux.webhook.disabled", "flux.webhook.recovered"]
    await health.attempts(webhook, "+")
    assert await health.after(5) == []


async def test_one_that_fails_again_once_it_is_enabled_is_told_again(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.attempts(webhook, "------")
    assert await health.after(600) == [(webhook, FAILING)]
    await health.set("disabled")
    assert await health.after(86_400) == []
    await health.set("enabled")
    await health.attempts(webhook, "---")
    assert await health.stored() == [("suspect_again",)]
    await health.world.advance_clock(300)
    await health.attempts(webhook, "---")
    assert await health.after(300) == [(webhook, FAILING)]
    await health.world.advance_clock(86_400 * 4)
    await health.attempts(webhook, "-")
    assert await health.after(0) == [], "the five days begin anew"
    await health.attempts(webhook, "+")
    assert await health.after(5) == [(webhook, RECOVERED)]


async def test_where_one_is_deleted_its_incidents_are_closed_and_nobody_else_is_told(
    health: Health, account: AccountId
) -> None:
    world = health.world
    pager = await health.alerting.channel(account, service="pagerduty")
    unwell, lossy, well = [await world.webhook(account, each) for each in ("user.*", "order.*", "invoice.*")]
    await world.webhook(account, "flux.webhook.recovered")
    await health.alerting.fail(account)
    await health.attempts(lossy, "+")  # of which nothing is known but that one delivery failed
    await health.attempts(unwell, "------")
    assert Counter(await health.after(600)) == {(unwell, FAILING): 2, (lossy, AlertKind.DELIVERY_FAILED): 2}
    late = await health.alerting.failed(account)
    for each in (unwell, lossy, well):
        assert await WebhookStore(world.database, SEALS).delete(account, each)
    assert Counter(await health.after(5)) == {(unwell, RECOVERED): 1, (lossy, RECOVERED): 1}
    closing = health.alerting.sender.sent[-1]
    assert closing.channel == pager.id
    assert [(each.is_over, each.detail) for each in closing.digests] == [(True, {"reason": "deleted"})] * 2
    assert await health.published() == []
    assert await health.stored() == []
    await health.alerting.gather(late)
    assert {each.is_over for message in await health.alerting.after(1000) for each in message.digests} == {True}


async def test_one_that_somebody_has_in_hand_is_disabled_at_a_later_look(
    world: StoreHarness, account: AccountId
) -> None:
    """Whoever has it may wait for what is known of its health: were it waited for, nobody would go on."""
    health = Health(world, HealthPolicy(disable_after=timedelta(days=2)))
    await health.alerting.channel(account)
    webhook = await world.webhook(account, "*")
    await health.attempts(webhook, "------")
    assert await health.after(600) == [(webhook, FAILING)]
    await world.advance_clock(2 * 86_400)
    await health.attempts(webhook, "-")
    async with transaction(world.database) as somebody, asyncio.timeout(10):
        await somebody.execute(text("SELECT FROM webhooks FOR NO KEY UPDATE"))
        await health.check.run_once()
    assert await health.after(0) == []
    assert await health.after(SOONEST_LOOK.total_seconds()) == [(webhook, DISABLED)]


async def test_the_five_days_begin_anew_though_nobody_looked_while_it_was_disabled(
    health: Health, account: AccountId
) -> None:
    world = health.world
    webhook = await world.webhook(account, "*")
    webhooks = WebhookStore(world.database, SEALS)
    await health.attempts(webhook, "------")
    assert await health.after(600) == [(webhook, FAILING)]
    assert await health.after(86_400 * 4.5) == []
    await webhooks.update(account, webhook, WebhookChange(status=Status.DISABLED))
    await webhooks.update(account, webhook, WebhookChange(status=Status.ENABLED))
    await health.attempts(webhook, "-----")
    assert await health.after(601) == [(webhook, FAILING)], "it is told anew"
    assert await health.after(86_400 * 0.5) == []
    await health.attempts(webhook, "-")
    assert await health.after(86_400 * 0.5) == []
    await health.attempts(webhook, "+")
    assert await health.after(5) == [(webhook, RECOVERED)]


async def test_one_of_which_nobody_was_told_is_well_once_it_is_enabled(health: Health, account: AccountId) -> None:
    webhook = await health.world.webhook(account, "*")
    webhooks = WebhookStore(health.world.database, SEALS)
    await health.attempts(webhook, "------")
    await webhooks.update(account, webhook, WebhookChange(description="checkout"))
    assert await health.stored() == [("suspect",)]
    for status in (Status.DISABLED, Status.ENABLED):
        await health.world.advance_clock(299)
        await webhooks.update(account, webhook, WebhookChange(status=status))
    await health.attempts(webhook, "-")
    assert await health.after(10) == []
    assert await health.stored() == [("suspect",)]


@pytest.mark.parametrize("change", ["deleted_at = flux_now()", "status = 'disabled', disabled_reason = 'by_hand'"])
async def test_what_its_owner_took_out_is_forgotten_in_silence(health: Health, account: AccountId, change: str) -> None:
    webhook = await health.world.webhook(account, "*")
    await health.attempts(webhook, "------")
    await health.world.do(f"UPDATE webhooks SET {change}")  # noqa: S608 - ours
    await health.attempts(webhook, "------")
    assert await health.after(601) == []
    assert await health.stored() == []


async def test_several_workers_tell_each_change_once(world: StoreHarness, account: AccountId) -> None:
    workers = [Health(world) for _ in range(4)]
    await workers[0].alerting.channel(account)
    webhooks = [await world.webhook(account, "*") for _ in range(15)]
    for each in webhooks:
        await workers[0].attempts(each, "------")
    await world.advance_clock(timedelta(minutes=10).total_seconds())
    await asyncio.gather(*(each.check.run_once() for each in workers))
    (told,) = await workers[0].alerting.after(10)
    assert counts(told) == {(each, FAILING): 1 for each in webhooks}
