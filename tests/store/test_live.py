"""Of several accounts and events at once it is told how far they have come, and nothing of others."""

from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from flux_dispatch.domain.ids import AccountId, DeliveryId, Prefix, parse_id
from flux_dispatch.store.events import EventQueries
from flux_dispatch.store.live import MOST_DELIVERIES, LiveQueries
from flux_dispatch.store.pages import Page
from tests.support.attempted import REJECTED, attempt, give_up
from tests.support.store_harness import StoreHarness, event

UNKNOWN = cast(AccountId, "acct_" + "0" * 32)


@pytest.fixture
def live(world: StoreHarness) -> LiveQueries:
    return LiveQueries(world.database)


async def test_the_newest_events_of_each_account_are_told_as_their_list_shows_them(
    world: StoreHarness, account: AccountId, live: LiveQueries
) -> None:
    other, empty = await world.account(), await world.account()
    for patterns in ("*", "order.*"):
        await world.webhook(account, patterns)
    await world.webhook(other, "*")
    stored = await world.publish(*(event(account) for _ in range(3)), event(account, "invoice.paid"))
    await attempt(world, stored[0].deliveries)
    await give_up(world, stored[1].deliveries[:1])
    await world.publish(event(other), event(other), event(await world.account()))
    found = await live.recent_events([account, other, empty, UNKNOWN, account])
    assert set(found) == {account, other, empty, UNKNOWN}
    assert (found[empty], found[UNKNOWN], len(found[other])) == ([], [], 2)
    listed = await EventQueries(world.database).page(account, Page(25), {})
    assert [
        (
            parse_id(Prefix.EVENT, each.id),
            *(each.type, each.created_at, each.status, each.total),
            *(each.open, each.delivered, each.failed, each.canceled, each.is_test),
        )
        for each in found[account]
    ] == [
        (
            row.id.hex,
            *(row.type, row.created_at, row.status, row.total),
            *(row.open, row.delivered, row.failed, row.canceled, row.is_test),
        )
        for row in listed
    ]
    assert [each.status for each in found[account]].count("failed") == 1
    few = await live.recent_events([account, other], limit=1)
    assert [each.id for each in few[account]] == [found[account][0].id]
    assert await live.recent_events([]) == {}


async def test_deliveries_of_events_are_told_to_those_whose_they_are(
    world: StoreHarness, account: AccountId, live: LiveQueries
) -> None:
    other = await world.account()
    webhooks = [await world.webhook(account, "*") for _ in range(2)]
    await world.webhook(other, "*")
    events = [event(account), event(account), event(other)]
    stored = await world.publish(*events)
    ours, unmatched, theirs = [each.id for each in events]
    await world.do("DELETE FROM deliveries WHERE event_id = CAST(:id AS uuid)", id=parse_id(Prefix.EVENT, unmatched))
    await attempt(world, stored[0].deliveries[:1], REJECTED)
    found = await live.deliveries_of_events([(account, ours), (account, unmatched), (account, theirs)])
    assert set(found) == {ours, unmatched, theirs}
    assert (found[unmatched], found[theirs]) == ([], [])
    assert {each.webhook for each in found[ours]} == set(webhooks)
    assert [each.id for each in found[ours]] == sorted(stored[0].deliveries, reverse=True)
    told = {each.id: each for each in found[ours]}
    for delivery in stored[0].deliveries:
        row = await world.state(delivery)
        each = told[delivery]
        assert (each.state, each.attempts, each.due_at, each.ended_at) == (
            row.state,
            row.attempts,
            row.due_at,
            row.ended_at,
        )
    both = await live.deliveries_of_events([(account, theirs), (other, theirs), (other, theirs)])
    assert [each.id for each in both[theirs]] == list(stored[2].deliveries)
    assert await live.deliveries_of_events([]) == {}


async def test_of_an_event_with_very_many_deliveries_some_are_told(
    world: StoreHarness, account: AccountId, live: LiveQueries
) -> None:
    one = event(account)
    await world.publish(one)
    await world.do(
        "INSERT INTO deliveries (event_id, webhook_id, account_id, state) "
        "SELECT :event, flux_new_id(), :account, 'pending' FROM generate_series(1, 2000)",
        event=UUID(parse_id(Prefix.EVENT, one.id)),
        account=UUID(parse_id(Prefix.ACCOUNT, account)),
    )
    found = await live.deliveries_of_events([(account, one.id)])
    assert len(found[one.id]) == MOST_DELIVERIES == len({each.id for each in found[one.id]})


async def test_what_moved_is_told_anew(world: StoreHarness, account: AccountId, live: LiveQueries) -> None:
    await world.webhook(account, "*")
    (stored,) = await world.publish(event(account))
    assert [each.status for each in (await live.recent_events([account]))[account]] == ["pending"]
    await world.advance_clock(timedelta(seconds=1).total_seconds())
    await attempt(world, stored.deliveries)
    assert [each.status for each in (await live.recent_events([account]))[account]] == ["delivered"]


async def test_events_and_deliveries_that_are_named_are_told_to_those_whose_they_are(
    world: StoreHarness, account: AccountId, live: LiveQueries
) -> None:
    other = await world.account()
    for each in (account, other):
        await world.webhook(each, "*")
    ours, single, theirs = await world.publish(event(account), event(account), event(other))
    await attempt(world, ours.deliveries)
    found = await live.events([(account, each.event.id) for each in (ours, single, theirs)] * 2)
    newest = {each.id: each for each in (await live.recent_events([account]))[account]}
    assert found == {each.event.id: newest[each.event.id] for each in (ours, single)}
    assert found[ours.event.id].status == "delivered"
    (mine,), (stranger,) = ours.deliveries, theirs.deliveries
    named = await live.deliveries([(account, mine), (account, stranger), (account, DeliveryId("dlv_" + "0" * 32))])
    of_event = await live.deliveries_of_events([(account, ours.event.id)])
    assert named == {mine: of_event[ours.event.id][0]}
    assert (await live.events([]), await live.deliveries([])) == ({}, {})
