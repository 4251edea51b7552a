"""The bulkhead hands out places in turn, rejects where nothing moves, and pauses by how long a turn takes."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from flux_dispatch.domain.ids import WebhookId
from flux_dispatch.engine.flow.bulkhead import Bulkhead
from tests.support.waiting import let_others_run

SLOW, OTHER = cast(WebhookId, "wh_slow"), cast(WebhookId, "wh_other")
BRIEF = timedelta(milliseconds=20)
LONG = timedelta(seconds=60)


async def test_places_are_counted_for_each_webhook_by_itself() -> None:
    bulkhead = Bulkhead(2, BRIEF)
    assert await bulkhead.enter(SLOW)
    assert await bulkhead.enter(SLOW)
    assert not await bulkhead.enter(SLOW)
    assert await bulkhead.enter(OTHER)


async def test_whoever_waits_gets_the_place_that_comes_free_in_order() -> None:
    bulkhead = Bulkhead(1, LONG)
    assert await bulkhead.enter(SLOW)
    entered: list[int] = []

    async def take(number: int) -> None:
        assert await bulkhead.enter(SLOW)
        entered.append(number)

    waiting = [asyncio.create_task(take(number)) for number in range(3)]
    await let_others_run()
    for count in range(3):
        bulkhead.leave(SLOW, 0.1)
        await waiting[count]
        assert entered == list(range(count + 1))


async def test_who_would_wait_for_too_long_is_turned_away_at_once_and_the_webhook_is_saturated() -> None:
    bulkhead = Bulkhead(1, BRIEF)
    assert await bulkhead.enter(SLOW)
    with pytest.raises(StopIteration) as answer:  # it ends without having waited for anything
        bulkhead.enter(SLOW).send(None)
    assert answer.value.value is False
    assert bulkhead.saturated == [SLOW]
    bulkhead.leave(SLOW, 0.1)
    assert bulkhead.saturated == [SLOW], "what is parked goes first"
    assert bulkhead.room(SLOW) > 0
    bulkhead.clear(SLOW)
    assert bulkhead.saturated == []
    assert await bulkhead.enter(SLOW)


async def test_nobody_waits_for_longer_than_the_patience_and_it_is_learnt_that_places_are_held_for_long() -> None:
    bulkhead = Bulkhead(10, timedelta(milliseconds=200))
    for _ in range(10):
        assert await bulkhead.enter(SLOW)
    assert not await bulkhead.enter(SLOW)
    assert bulkhead.saturated == [SLOW]
    with pytest.raises(StopIteration):
        bulkhead.enter(SLOW).send(None)


async def test_a_quick_endpoint_has_room_for_what_it_will_have_answered_and_one_that_hangs_has_none() -> None:
    bulkhead = Bulkhead(4, LONG)
    for _ in range(4):
        assert await bulkhead.enter(SLOW)
    for _ in range(60):
        bulkhead.leave(SLOW, 15)
        assert await bulkhead.enter(SLOW)
    assert bulkhead.room(SLOW) == 0
    for _ in range(60):
        bulkhead.leave(SLOW, 0.01)
        assert await bulkhead.enter(SLOW)
    assert 100 < bulkhead.room(SLOW) < 250


async def test_closing_turns_everybody_away() -> None:
    bulkhead = Bulkhead(1, LONG)
    assert await bulkhead.enter(SLOW)
    waiting = asyncio.create_task(bulkhead.enter(SLOW))
    await let_others_run()
    bulkhead.close()
    assert not await waiting
    assert not await bulkhead.enter(OTHER)


async def test_a_webhook_that_is_idle_again_is_forgotten() -> None:
    bulkhead = Bulkhead(1, BRIEF)
    assert await bulkhead.enter(SLOW)
    bulkhead.leave(SLOW, 0.1)
    assert not bulkhead._webhooks


async def test_a_webhook_is_remembered_while_it_is_saturated() -> None:
    bulkhead = Bulkhead(1, BRIEF)
    assert await bulkhead.enter(SLOW)
    assert not await bulkhead.enter(SLOW)
    bulkhead.leave(SLOW, 15)
    assert bulkhead._webhooks
    bulkhead.clear(SLOW)
    assert not bulkhead._webhooks
