"""Operators are told where the settings say, of every account; a mended URL tells what the wrong one could not."""

from uuid import UUID

from flux_dispatch.domain.alert_channel import AlertKind
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.notifications import KEPT
from tests.support.alerting import OPERATORS, Alerting, counts
from tests.support.store_harness import StoreHarness

FAILED = AlertKind.DELIVERY_FAILED
HERE, THERE, ELSEWHERE = UUID(int=7), UUID(int=8), UUID(int=9)


async def test_operators_are_told_of_every_account(world: StoreHarness, account: AccountId) -> None:
    await world.advance_clock(0)
    alerting, other = Alerting(world, operators=OPERATORS), await world.account()
    await alerting.run()
    for each in (account, other):
        await world.webhook(each, "*")
        await alerting.fail(each)
    (told,) = await alerting.after(10)
    assert {each.account for each in told.digests} == {account, other}
    assert (told.account, told.url) == (None, "json://127.0.0.1/ops")
    gone = Alerting(world)
    await gone.run()
    assert await world.scalar("SELECT disabled_reason FROM alert_channels WHERE id = :id", id=HERE)
    await alerting.notifications.register()
    assert await world.scalar("SELECT status FROM alert_channels WHERE id = :id", id=HERE) == "enabled"


async def test_a_mended_url_is_told_what_the_wrong_one_was_not(world: StoreHarness, account: AccountId) -> None:
    await world.advance_clock(0)
    wrong = Alerting(world, operators={HERE: "json://127.0.0.1/wrong", THERE: "json://127.0.0.1/ops"})
    await wrong.run()
    webhook = await world.webhook(account, "*")
    await wrong.fail(account, 2)
    wrong.sender.answers = ["wrong password", None]
    first, other = await wrong.after(10)
    if first.url != "json://127.0.0.1/wrong":
        first, other = other, first
    await wrong.fail(account, 3)
    mended = Alerting(world, operators={THERE: "json://127.0.0.1/ops", ELSEWHERE: "json://127.0.0.1/mended"})
    told = await mended.run()
    assert [(each.id, each.url, each.attempt, counts(each)) for each in told] == [
        (first.id, "json://127.0.0.1/mended", 1, {(webhook, FAILED): 2})
    ]
    assert [counts(each) for each in await mended.after(400)] == [{(webhook, FAILED): 3}] * 2
    assert await mended.after(10_000) == []


async def test_a_message_that_is_being_sent_meanwhile_is_not_sent_twice(
    world: StoreHarness, account: AccountId
) -> None:
    await world.advance_clock(0)
    before = Alerting(world, operators={HERE: "json://127.0.0.1/1"})
    await before.run()
    await world.webhook(account, "*")
    await before.fail(account)
    await world.advance_clock(10)
    assert await before.notifications.compose()
    sending = await before.notifications.claim()
    assert sending
    after = Alerting(world, operators={THERE: "json://127.0.0.1/2"})
    assert await after.run() == []
    assert await before.notifications.settle_sent(sending)
    assert await after.after(10_000) == []


async def test_one_that_fails_meanwhile_is_sent_to_the_mended_url_at_once(
    world: StoreHarness, account: AccountId
) -> None:
    await world.advance_clock(0)
    before = Alerting(world, operators={HERE: "json://127.0.0.1/1"})
    await before.run()
    await world.webhook(account, "*")
    await before.fail(account)
    before.sender.answers = ["no"] * 5
    for seconds in (10, 30, 120, 600, 3600):
        assert len(await before.after(seconds)) == 1
    await world.advance_clock(6 * 3600)
    sending = await before.notifications.claim()
    assert sending
    after = Alerting(world, operators={THERE: "json://127.0.0.1/2"})
    assert await after.run() == []
    assert await before.notifications.settle_failed(sending, "no")
    (told,) = await after.run()
    assert (told.id, told.url, told.attempt) == (sending.id, "json://127.0.0.1/2", 1)


async def test_operators_are_not_told_what_they_ask_for_no_more(world: StoreHarness, account: AccountId) -> None:
    await world.advance_clock(0)
    alerting = Alerting(world, operators=OPERATORS)
    await alerting.run()
    webhook = await world.webhook(account, "*")
    await alerting.fail(account)
    await alerting.note(account, webhook, AlertKind.WEBHOOK_FAILING)
    fewer = Alerting(world, operators=OPERATORS)
    fewer.operators._kinds.remove(FAILED)
    await fewer.run()
    (told,) = await fewer.after(10)
    assert counts(told) == {(webhook, AlertKind.WEBHOOK_FAILING): 1}
    assert await fewer.after(10_000) == []


async def test_what_is_not_yet_a_message_goes_over_and_one_of_its_service_is_preferred(
    world: StoreHarness, account: AccountId
) -> None:
    await world.advance_clock(0)
    before = Alerting(world, operators={THERE: "mailto://127.0.0.1"})
    await before.run()
    webhook = await world.webhook(account, "*")
    await before.fail(account)
    after = Alerting(world, operators={HERE: "json://127.0.0.1", ELSEWHERE: "mailto://127.0.0.1/mended"})
    assert await after.run() == []
    (told,) = await after.after(10)
    assert (told.url, counts(told)) == ("mailto://127.0.0.1/mended", {(webhook, FAILED): 1})


async def test_what_nobody_has_taken_over_waits_for_who_comes_and_is_forgotten_in_the_end(
    world: StoreHarness, account: AccountId
) -> None:
    await world.advance_clock(0)
    before = Alerting(world, operators=OPERATORS)
    await before.run()
    await world.webhook(account, "*")
    await before.fail(account)
    await Alerting(world).run()
    after = Alerting(world, operators={THERE: "slack://127.0.0.1"})
    await after.run()
    assert [each.url for each in await after.after(10)] == ["slack://127.0.0.1"]
    await after.fail(account)
    await Alerting(world).run()
    for seconds, left in ((0, 2), (KEPT.total_seconds() + 1, 0)):
        await world.advance_clock(seconds)
        await after.notifications.prune(100)
        assert await world.scalar("SELECT count(*) FROM alert_channels") == left


async def test_who_is_left_out_of_the_settings_by_mistake_is_told_all_when_it_is_there_again(
    world: StoreHarness, account: AccountId
) -> None:
    await world.advance_clock(0)
    alerting = Alerting(world, operators=OPERATORS)
    await alerting.run()
    webhook = await world.webhook(account, "*")
    await alerting.fail(account)
    assert await Alerting(world).after(10) == []
    again = Alerting(world, operators=OPERATORS)
    assert [counts(each) for each in await again.run()] == [{(webhook, FAILED): 1}]


async def test_a_url_that_comes_back_takes_over_and_begins_anew(world: StoreHarness, account: AccountId) -> None:
    await world.advance_clock(0)
    webhook = await world.webhook(account, "*")
    first, second = {HERE: "json://127.0.0.1/1"}, {THERE: "json://127.0.0.1/2"}
    for urls, answers in ((first, [None]), (second, ["no"])):
        alerting = Alerting(world, operators=urls)
        alerting.sender.answers = list(answers)
        await alerting.run()
        await alerting.fail(account)
        assert len(await alerting.after(10)) == 1
    for urls in (first, second):
        alerting = Alerting(world, operators=urls)
        alerting.sender.answers = ["no"]
        assert [counts(each) for each in await alerting.run()] == [{(webhook, FAILED): 1}]
    assert await world.scalar("SELECT failures FROM alert_channels WHERE id = :id", id=THERE) == 1
