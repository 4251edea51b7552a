"""What happens is told in few messages, each once, to whoever asked for it; none is lost, whoever dies."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event as listen

from flux_dispatch.domain.alert_channel import UNREACHABLE, AlertChannelChange, AlertKind, ChannelStatus
from flux_dispatch.domain.alert_pace import CHANNEL_PATIENCE
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.notification import MOST_DIGESTS, Beyond
from flux_dispatch.store.notifications import KEPT, LEASE
from tests.support.alerting import URL, Alerting, counts, exhaust
from tests.support.store_harness import StoreHarness

FAILED = AlertKind.DELIVERY_FAILED


@pytest.fixture
async def alerting(world: StoreHarness) -> Alerting:
    await world.advance_clock(0)
    return Alerting(world)


async def test_the_first_message_waits_for_more_and_the_next_for_its_window(
    alerting: Alerting, account: AccountId
) -> None:
    webhook = await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    await alerting.fail(account, 3)
    assert await alerting.after(5) == []
    await alerting.fail(account, 2)
    (first,) = await alerting.after(5)
    assert counts(first) == {(webhook, FAILED): 5}
    await alerting.fail(account, 4)
    assert await alerting.after(299) == []
    (second,) = await alerting.after(1)
    assert counts(second) == {(webhook, FAILED): 4}
    await alerting.fail(account)
    assert await alerting.after(1799) == []
    (third,) = await alerting.after(1)
    assert counts(third) == {(webhook, FAILED): 1}
    # quiet for longer than twice the window: what happens then is told soon again
    assert await alerting.after(3601) == []
    await alerting.fail(account)
    (fourth,) = await alerting.after(10)
    await alerting.fail(account)
    assert len(await alerting.after(300)) == 1
    assert len({each.id for each in (first, second, third, fourth)}) == 4


async def test_a_message_tells_the_last_delivery_its_advice_and_since_when(
    alerting: Alerting, account: AccountId
) -> None:
    await alerting.world.webhook(account, "*", url="https://example.com/hooks")
    await alerting.channel(account)
    await alerting.fail(account)
    await alerting.world.advance_clock(5)
    alerts = await alerting.failed(account)
    await alerting.gather(alerts)
    (told,) = await alerting.after(5)
    (digest,) = told.digests
    assert digest.endpoint == "https://example.com/hooks"
    assert digest.last_at - digest.first_at == timedelta(seconds=5)
    assert digest.detail["attempts"] == 5
    assert digest.detail["advice"].startswith("Your endpoint answered 500.")
    last = await alerting.world.scalar("SELECT delivery_id FROM alerts ORDER BY id DESC LIMIT 1")
    assert digest.detail["delivery"] == f"dlv_{last.hex}"
    assert told.url == URL.url


async def test_what_is_told_is_the_last_delivery_in_whatever_order_they_are_counted(
    alerting: Alerting, account: AccountId
) -> None:
    await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    earlier = await alerting.failed(account)
    await alerting.world.advance_clock(5)
    later = await alerting.failed(account)
    await alerting.gather(later)
    await alerting.gather(earlier)
    (told,) = await alerting.after(10)
    last = await alerting.world.scalar("SELECT delivery_id FROM alerts ORDER BY id DESC LIMIT 1")
    assert told.digests[0].detail["delivery"] == f"dlv_{last.hex}"
    assert told.digests[0].count == 2


async def test_a_hundred_thousand_failures_in_ten_minutes_are_at_most_five_messages(
    alerting: Alerting, account: AccountId
) -> None:
    """The verbs tell 1,000 real failures; what a batch holds does not matter, so the rest is counted by their rows."""
    webhooks = [await alerting.world.webhook(account, "*") for _ in range(20)]
    await alerting.channel(account)
    sent = []
    for _ in range(10):
        await alerting.fail(account, 5)
        for _ in range(6):
            sent += await alerting.after(10)
    sent += await alerting.after(3600)
    assert len(sent) <= 5
    told = sum(each.count for message in sent for each in message.digests)
    assert told == 10 * 5 * len(webhooks)


async def test_webhooks_that_fail_together_share_a_message(alerting: Alerting, account: AccountId) -> None:
    webhooks = [await alerting.world.webhook(account, "*") for _ in range(MOST_DIGESTS + 5)]
    await alerting.channel(account)
    await alerting.fail(account)
    (told,) = await alerting.after(10)
    assert len(told.digests) == MOST_DIGESTS
    assert told.beyond == {FAILED: Beyond(subjects=5, times=5)}
    assert len(webhooks) == MOST_DIGESTS + 5
    assert await alerting.after(3600) == []


async def test_a_webhook_that_fails_later_waits_for_the_spacing_alone(alerting: Alerting, account: AccountId) -> None:
    await alerting.world.webhook(account, "order.completed")
    await alerting.channel(account)
    await alerting.fail(account)
    assert len(await alerting.after(10)) == 1
    other = await alerting.world.webhook(account, "*")
    await alerting.fail(account)
    assert await alerting.after(170) == []
    (told,) = await alerting.after(10)
    assert counts(told) == {(other, FAILED): 1}


async def test_every_alert_is_counted_once_however_often_and_by_whomever(
    alerting: Alerting, account: AccountId
) -> None:
    webhook = await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    alerts = await alerting.failed(account, 40)
    orders = [alerts, alerts[::-1], alerts[:20], alerts[20:], alerts[::3]]
    taken = await asyncio.gather(*(alerting.gather(order) for order in orders))
    assert sum(taken) == 40
    assert await alerting.gather(alerts) == 0
    (told,) = await alerting.after(10)
    assert counts(told) == {(webhook, FAILED): 40}


async def test_a_channel_is_told_of_its_own_account_and_kinds_alone(alerting: Alerting, account: AccountId) -> None:
    other = await alerting.world.account()
    for each in (account, other):
        await alerting.world.webhook(each, "*")
    mine = await alerting.channel(account)
    await alerting.channel(account, AlertKind.WEBHOOK_DISABLED)
    await alerting.channel(other, AlertKind.WEBHOOK_FAILING)
    await alerting.fail(account)
    await alerting.fail(other)
    assert [each.channel for each in await alerting.after(10)] == [mine.id]


async def test_a_message_that_fails_is_tried_again_and_new_alerts_wait_for_it(
    alerting: Alerting, account: AccountId
) -> None:
    webhook = await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    alerting.sender.answers = ["smtp says no", "still no", None]
    await alerting.fail(account)
    (first,) = await alerting.after(10)
    shown = await alerting.queries.get(account, channel.id)
    assert shown
    assert (shown.last_error, shown.failures, shown.last_sent_at) == ("smtp says no", 1, None)
    assert shown.failing_since is not None
    await alerting.fail(account, 7)
    (second,) = await alerting.after(30)
    third, fourth = await alerting.after(400)
    assert first.id == second.id == third.id
    assert first.digests == second.digests == third.digests
    assert [each.attempt for each in (first, second, third)] == [1, 2, 3]
    shown = await alerting.queries.get(account, channel.id)
    assert shown
    assert (shown.failing_since, shown.failures) == (None, 0)
    assert shown.last_sent_at is not None
    assert counts(fourth) == {(webhook, FAILED): 7}


async def test_a_channel_that_fails_for_days_is_disabled_with_its_reason(
    alerting: Alerting, account: AccountId
) -> None:
    await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    alerting.sender.answers = ["no"] * 100
    await alerting.fail(account)
    await alerting.after(10)
    for _ in range(int(CHANNEL_PATIENCE / timedelta(hours=6)) + 5):
        await alerting.after(6 * 3600)
    shown = await alerting.queries.get(account, channel.id)
    assert shown
    assert (shown.status, shown.disabled_reason, shown.last_error) == (ChannelStatus.DISABLED, UNREACHABLE, "no")
    assert await alerting.world.scalar("SELECT count(*) FROM notifications WHERE due_at IS NOT NULL") == 0
    await alerting.fail(account)
    assert await alerting.after(600) == []
    alerting.sender.answers = []
    await alerting.channels.update(account, channel.id, AlertChannelChange(status=ChannelStatus.ENABLED))
    await alerting.fail(account)
    assert len(await alerting.after(600)) == 1


async def test_a_message_whose_worker_died_is_sent_by_another_after_its_lease(
    alerting: Alerting, account: AccountId
) -> None:
    await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    await alerting.fail(account)
    await alerting.world.advance_clock(10)
    assert await alerting.notifications.compose()
    held = await alerting.notifications.claim()
    assert held
    assert await alerting.after(LEASE.total_seconds() - 1) == []
    (sent,) = await alerting.after(1)
    assert (sent.id, sent.digests, sent.attempt) == (held.id, held.digests, 2)
    assert not await alerting.notifications.settle_sent(held)
    assert not await alerting.notifications.settle_failed(held, "too late")
    assert await alerting.world.scalar("SELECT last_error IS NULL FROM alert_channels")
    assert await alerting.after(3600) == []


async def test_several_workers_make_and_send_each_message_once(alerting: Alerting) -> None:
    world = alerting.world
    accounts = [await world.account() for _ in range(12)]
    for each in accounts:
        await world.webhook(each, "*")
        await alerting.channel(each)
    workers = [Alerting(world) for _ in range(3)]
    await asyncio.gather(*(workers[n % 3].fail(each) for n, each in enumerate(accounts)))
    await world.advance_clock(10)
    sent = await asyncio.gather(*(each.run() for each in workers))
    assert sorted(each.account or "" for part in sent for each in part) == sorted(accounts)


async def test_gathering_while_messages_are_made_loses_nothing(alerting: Alerting, account: AccountId) -> None:
    webhook = await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    batches = [await alerting.failed(account, 5) for _ in range(10)]
    await alerting.world.advance_clock(10)
    before = alerting.sender

    async def gather() -> None:
        for each in batches:
            await alerting.gather(each)
            await alerting.world.advance_clock(200)

    async def send() -> None:
        other = Alerting(alerting.world)
        other.sender = other.notify._sender = before  # type: ignore[assignment]
        for _ in range(30):
            await other.run()

    await asyncio.gather(gather(), send(), send())
    await alerting.after(100_000)
    # the clock leaps over leases, so one may be sent again, under its id
    messages = {each.id: each for each in before.sent}
    assert sum(counts(each)[webhook, FAILED] for each in messages.values()) == 50


async def test_a_message_that_cannot_be_made_holds_up_no_other(alerting: Alerting, account: AccountId) -> None:
    await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    alerting.sender.breaks = True
    await alerting.fail(account)
    (broken,) = await alerting.after(10)
    shown = await alerting.queries.get(account, channel.id)
    assert shown
    assert "could not be made" in (shown.last_error or "")
    alerting.sender.breaks = False
    other = await alerting.world.account()
    await alerting.world.webhook(other, "*")
    await alerting.channel(other)
    await alerting.fail(other)
    sent = await alerting.after(40)
    assert {each.account for each in sent} == {account, other}
    assert broken.id in {each.id for each in sent}


async def test_what_only_a_later_release_tells_is_left_out(alerting: Alerting, account: AccountId) -> None:
    await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    await alerting.fail(account)
    await alerting.world.advance_clock(10)
    assert await alerting.notifications.compose()
    await alerting.world.do(
        "UPDATE notifications SET content = jsonb_set(content, '{digests}', (content -> 'digests') || "
        "jsonb_build_array(jsonb_set(content -> 'digests' -> 0, '{kind}', '\"told_later\"')))"
    )
    (sent,) = await alerting.run()
    assert [each.kind for each in sent.digests] == [FAILED]


async def test_webhooks_that_ask_by_name_get_an_event_and_those_that_want_everything_do_not(
    alerting: Alerting, account: AccountId
) -> None:
    world = alerting.world
    await world.webhook(account, "*")
    await alerting.fail(account)
    assert await world.scalar("SELECT count(*) FROM outbox") == 0
    for pattern in ("flux.delivery.failed", "flux.*", "flux.delivery.*"):
        webhook = await world.webhook(account, pattern)
        await alerting.fail(account)
        (row,) = await world.rows("SELECT type, CAST(data AS jsonb) AS data FROM outbox")
        assert row.type == "flux.delivery.failed"
        assert row.data["last_status"] == 500
        assert row.data["link"].startswith(f"https://flux.example/dashboard/{account}/deliveries/dlv_")
        await world.do("DELETE FROM outbox")
        await world.do("UPDATE webhooks SET deleted_at = flux_now() WHERE id = :id", id=UUID(webhook[3:]))


async def test_an_event_of_our_own_that_fails_makes_no_further_one(alerting: Alerting, account: AccountId) -> None:
    world = alerting.world
    await world.webhook(account, "flux.*")
    await world.webhook(account, "order.*")
    await alerting.fail(account)
    await world.do("DELETE FROM outbox")
    delivery = await world.delivery(account, "flux.delivery.failed")
    await exhaust(world, [delivery])
    await alerting.gather(await alerting.failures.fail([delivery]))
    assert await world.scalar("SELECT count(*) FROM outbox") == 0
    assert await world.scalar("SELECT count(*) FROM alerts WHERE sent_at IS NOT NULL") == 2


async def test_what_is_long_over_is_forgotten(alerting: Alerting, account: AccountId) -> None:
    await alerting.world.webhook(account, "*")
    await alerting.channel(account)
    await alerting.fail(account)
    assert len(await alerting.after(10)) == 1
    assert await alerting.world.scalar("SELECT content FROM notifications") == {}
    for seconds, left in ((0, 1), (KEPT.total_seconds() + 1, 0)):
        await alerting.world.advance_clock(seconds)
        await alerting.notifications.prune(100)
        for table in ("notifications", "alert_digests"):
            assert await alerting.world.scalar(f"SELECT count(*) FROM {table}") == left  # noqa: S608 - ours


async def test_a_deleted_channel_takes_with_it_what_it_was_to_be_told(alerting: Alerting, account: AccountId) -> None:
    await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    await alerting.fail(account)
    other = await alerting.world.account()
    assert not await alerting.channels.delete(other, channel.id)
    assert await alerting.channels.delete(account, channel.id)
    assert await alerting.after(600) == []
    assert await alerting.world.scalar("SELECT count(*) FROM alert_digests") == 0


async def test_counting_a_storm_costs_little(alerting: Alerting, account: AccountId) -> None:
    """200 alerts, as one message of the queue has, are counted by a handful of statements in one transaction."""
    await alerting.world.webhook(account, "*")
    for _ in range(3):
        await alerting.channel(account)
    alerts = await alerting.failed(account, 200)
    statements: list[str] = []
    engine = alerting.world.database.sync_engine
    listen.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    await alerting.gather(alerts)
    assert len(statements) <= 5
    rows = await alerting.world.rows("SELECT times FROM alert_digests")
    assert [row.times for row in rows] == [200] * 3
