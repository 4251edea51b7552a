"""The live feed asks the database once for everybody, says only what changed, and holds nobody up."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from flux_dispatch.dashboard.live_feed import MAX_OF_ACCOUNT, MAX_WATCHERS, TASK, LiveFeed
from flux_dispatch.dashboard.live_topics import Kind, Topic
from flux_dispatch.dashboard.live_watcher import MAX_WAITING, Watcher
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.store.dashboard_sessions import DashboardSessionStore
from flux_dispatch.store.live import LiveQueries
from flux_dispatch.store.portal_links import PortalLinkStore
from tests.support.attempted import attempt
from tests.support.store_harness import StoreHarness, event
from tests.support.waiting import eventually_async

NEVER = 3600.0
"""In seconds: after its first look the feed looks when a test has it look."""


class CountedQueries(LiveQueries):
    """The real ones, which count their statements."""

    statements = 0

    async def _rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row[Any]]:  # type: ignore[override]
        self.statements += 1
        return await super()._rows(query, dict(parameters))


@pytest.fixture
def queries(database: AsyncEngine) -> CountedQueries:
    return CountedQueries(database)


@pytest.fixture
async def feed(queries: CountedQueries, database: AsyncEngine) -> AsyncIterator[LiveFeed]:
    made = LiveFeed(queries, DashboardSessionStore(database), look_seconds=NEVER)
    yield made
    await made.close()


def watch(feed: LiveFeed, topic: Topic, last_seen: str | None = None, token: str = "") -> Watcher:
    watcher = feed.watch(topic, token, lambda: False, last_seen)
    assert watcher is not None
    return watcher


async def said(watcher: Watcher) -> str:
    return (await anext(watcher.messages())).decode()


def id_of(message: str) -> str:
    (found,) = re.findall(r"^id: (\S+)$", message, re.MULTILINE)
    return str(found)


async def test_two_hundred_watchers_cost_no_more_than_one(
    world: StoreHarness, feed: LiveFeed, queries: CountedQueries
) -> None:
    accounts = [await world.account() for _ in range(20)]
    await world.publish(*(event(each) for each in accounts))
    watchers = [watch(feed, Topic(Kind.NEWEST, accounts[number % 20])) for number in range(200)]
    for watcher in watchers:
        assert "event: all" in await said(watcher)
    assert queries.statements == 1
    fresh = [event(each) for each in accounts]
    await world.publish(*fresh)
    await feed.look()
    assert queries.statements == 2
    for number, watcher in enumerate(watchers):
        message = await said(watcher)
        assert "event: rows" in message
        assert message.count("<tr ") == 1
        assert fresh[number % 20].id in message


async def test_each_kind_of_page_is_one_statement_more(
    world: StoreHarness, feed: LiveFeed, queries: CountedQueries
) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    stored = await world.publish(*(event(account) for _ in range(4)))
    for each in stored:
        watch(feed, Topic(Kind.NEWEST, account))
        watch(feed, Topic(Kind.EVENTS, account, (each.event.id,)))
        watch(feed, Topic(Kind.EVENT, account, (each.event.id,)))
        watch(feed, Topic(Kind.DELIVERY, account, each.deliveries))

    async def has_looked() -> bool:
        return queries.statements == 4

    await eventually_async(has_looked, "the feed has looked by itself")
    await feed.look()
    assert queries.statements == 8


async def test_what_did_not_change_is_not_said_again(world: StoreHarness, feed: LiveFeed) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    stored = await world.publish(*(event(account) for _ in range(3)))
    watcher = watch(feed, Topic(Kind.NEWEST, account))
    assert (await said(watcher)).count("<tr ") == 3
    await feed.look()
    await attempt(world, stored[1].deliveries)
    await feed.look()
    message = await said(watcher)
    assert message.count("<tr ") == 1
    assert stored[1].event.id in message
    assert "Delivered" in message
    assert "1 of 1" in message


async def test_who_comes_again_is_told_what_they_missed_and_no_more(world: StoreHarness, feed: LiveFeed) -> None:
    account = await world.account()
    topic = Topic(Kind.NEWEST, account)
    await world.publish(event(account))
    stays = watch(feed, topic)
    await said(stays)
    known = event(account)
    await world.publish(known)
    await feed.look()
    seen = id_of(await said(stays))
    missed = event(account)
    await world.publish(missed)
    await feed.look()
    message = await said(watch(feed, topic, last_seen=seen))
    assert "event: rows" in message
    assert message.count("<tr ") == 1
    assert missed.id in message
    assert known.id not in message
    for unknown in ("", "another-1", f"{seen.partition('-')[0]}-99", f"{seen.partition('-')[0]}-²", "-", "1" * 5000):
        assert "event: all" in await said(watch(feed, topic, last_seen=unknown))


async def test_rows_that_have_nothing_in_common_with_those_before_are_all_of_them(
    world: StoreHarness, feed: LiveFeed
) -> None:
    account = await world.account()
    await world.publish(event(account))
    watcher = watch(feed, Topic(Kind.NEWEST, account))
    await said(watcher)
    await world.publish(*(event(account) for _ in range(60)))
    await feed.look()
    message = await said(watcher)
    assert "event: all" in message
    assert message.count("<tr ") == 50


async def test_an_event_and_a_delivery_are_told_to_their_pages(world: StoreHarness, feed: LiveFeed) -> None:
    account = await world.account()
    await world.webhook(account, "*")
    (stored,) = await world.publish(event(account))
    (delivery,) = stored.deliveries
    pages = [
        watch(feed, Topic(Kind.EVENT, account, (stored.event.id,))),
        watch(feed, Topic(Kind.DELIVERY, account, (delivery,))),
    ]
    for each in pages:
        assert "Pending" in await said(each)
    await attempt(world, [delivery])
    await feed.look()
    of_event, of_delivery = [await said(each) for each in pages]
    assert "1 of 1 delivered" in of_event
    assert f'id="{delivery}"' in of_event
    assert 'data-version="delivered 1"' in of_delivery


async def test_another_account_is_told_nothing(world: StoreHarness, feed: LiveFeed) -> None:
    account, other = await world.account(), await world.account()
    await world.webhook(other, "*")
    (stored,) = await world.publish(event(other))
    for topic in (
        Topic(Kind.NEWEST, account),
        Topic(Kind.EVENTS, account, (stored.event.id,)),
        Topic(Kind.EVENT, account, (stored.event.id,)),
        Topic(Kind.DELIVERY, account, stored.deliveries),
    ):
        watcher = watch(feed, topic)
        await feed.look()
        message = await said(watcher)
        assert message.endswith("event: all\ndata:\n\n")


async def test_a_slow_reader_is_let_go_and_others_are_told_on(world: StoreHarness, feed: LiveFeed) -> None:
    account = await world.account()
    slow, quick = watch(feed, Topic(Kind.NEWEST, account)), watch(feed, Topic(Kind.NEWEST, account))
    await said(quick)
    for _ in range(MAX_WAITING + 1):
        await world.publish(event(account))
        await feed.look()
        assert "event: rows" in await said(quick)
    assert (slow.is_over, quick.is_over) == (True, False)
    assert [message async for message in slow.messages()] == []


async def test_places_are_bounded_and_given_back(world: StoreHarness, feed: LiveFeed) -> None:
    account = await world.account()
    topic = Topic(Kind.NEWEST, account)
    watchers = [watch(feed, topic) for _ in range(MAX_OF_ACCOUNT)]
    assert feed.watch(topic, "", lambda: False) is None
    feed.leave(watchers[0])
    gone = feed.watch(topic, "", lambda: True)
    assert gone is not None
    watch(feed, topic)
    others = [AccountId(f"acct_{number:032x}") for number in range(MAX_WATCHERS // MAX_OF_ACCOUNT)]
    taken = [feed.watch(Topic(Kind.NEWEST, each), "", lambda: False) for each in others for _ in range(MAX_OF_ACCOUNT)]
    assert taken.count(None) == MAX_OF_ACCOUNT, "those of the first account have their places already"


async def test_it_ends_with_the_session(world: StoreHarness, feed: LiveFeed) -> None:
    account = await world.account()
    sessions, links = DashboardSessionStore(world.database), PortalLinkStore(world.database)
    tokens = []
    for _ in range(2):
        signed_in = await sessions.sign_in_by_link((await links.create(account, timedelta(minutes=1))).token)
        assert signed_in
        tokens.append(signed_in[0])
    first, second = (watch(feed, Topic(Kind.NEWEST, account), token=each) for each in tokens)
    await feed.end_those_signed_out()
    assert (first.is_over, second.is_over) == (False, False)
    await sessions.end(tokens[0])
    await feed.end_those_signed_out()
    assert (first.is_over, second.is_over) == (True, False)


async def test_it_looks_only_while_somebody_watches(
    world: StoreHarness, queries: CountedQueries, database: AsyncEngine
) -> None:
    feed = LiveFeed(queries, DashboardSessionStore(database), look_seconds=0.01)
    watcher = watch(feed, Topic(Kind.NEWEST, await world.account()))
    assert await eventually_async(lambda: _more_than(queries, 3), "it looks again and again")
    feed.leave(watcher)
    assert await eventually_async(_is_idle, "it stops")
    before = queries.statements
    await feed.look()
    assert queries.statements == before
    await feed.close()


async def _is_idle() -> bool:
    return all(task.get_name() != TASK for task in asyncio.all_tasks())


async def _more_than(queries: CountedQueries, count: int) -> bool:
    return queries.statements > count
