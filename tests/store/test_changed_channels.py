"""A channel that is changed while messages wait for it, or are on their way: what counts is what it is then."""

import pytest

from flux_dispatch.domain.alert_channel import AlertChannelChange, AlertKind, CheckedUrl
from flux_dispatch.domain.ids import AccountId
from tests.support.alerting import Alerting, counts
from tests.support.store_harness import StoreHarness

FAILED = AlertKind.DELIVERY_FAILED


@pytest.fixture
async def alerting(world: StoreHarness) -> Alerting:
    await world.advance_clock(0)
    return Alerting(world)


async def test_a_new_url_is_tried_at_once(alerting: Alerting, account: AccountId) -> None:
    await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    alerting.sender.answers = ["wrong password"] * 3
    await alerting.fail(account)
    await alerting.after(10)
    await alerting.after(30)
    await alerting.after(120)
    better = CheckedUrl("jsons://example.com/better", "webhook", "jsons://example.com/…")
    changed = await alerting.channels.update(account, channel.id, AlertChannelChange(url=better))
    assert changed
    assert (changed.failures, changed.failing_since) == (0, None)
    (told,) = await alerting.run()
    assert told.url == better.url


async def test_a_new_url_is_tried_at_once_though_somebody_sends_to_the_old_one(
    alerting: Alerting, account: AccountId
) -> None:
    await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    alerting.sender.answers = ["wrong password"] * 5
    await alerting.fail(account)
    for seconds in (10, 30, 120, 600, 3600):
        assert len(await alerting.after(seconds)) == 1
    await alerting.world.advance_clock(6 * 3600)
    sending = await alerting.notifications.claim()
    assert sending
    better = CheckedUrl("jsons://example.com/better", "webhook", "jsons://example.com/…")
    await alerting.channels.update(account, channel.id, AlertChannelChange(url=better))
    assert await alerting.run() == []
    assert await alerting.notifications.settle_failed(sending, "wrong password")
    shown = await alerting.queries.get(account, channel.id)
    assert shown
    assert (shown.failures, shown.failing_since) == (0, None), "the new one has failed nobody"
    (told,) = await alerting.run()
    assert (told.id, told.url, told.attempt) == (sending.id, better.url, 1)
    assert await alerting.after(100_000) == []


async def test_what_a_channel_asks_for_no_more_is_not_told(alerting: Alerting, account: AccountId) -> None:
    webhook = await alerting.world.webhook(account, "*")
    channel = await alerting.channel(account)
    await alerting.note(account, webhook, AlertKind.WEBHOOK_FAILING)
    await alerting.fail(account, 3)
    assert len(await alerting.after(10)) == 1
    await alerting.note(account, webhook, AlertKind.WEBHOOK_FAILING, AlertKind.WEBHOOK_DISABLED)
    await alerting.fail(account, 2)
    only = AlertChannelChange(kinds=(AlertKind.WEBHOOK_FAILING,))
    await alerting.channels.update(account, channel.id, only)
    (told,) = await alerting.after(7200)
    assert counts(told) == {(webhook, AlertKind.WEBHOOK_FAILING): 1}
    assert await alerting.after(7200) == []
    await alerting.channels.update(account, channel.id, AlertChannelChange(kinds=(FAILED,)))
    await alerting.fail(account)
    (told,) = await alerting.after(7200)
    assert counts(told) == {(webhook, FAILED): 1}
