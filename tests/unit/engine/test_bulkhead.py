"""The bulkhead hands out places in turn, turns away where nothing moves, and pauses by how long a turn takes."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from flux_dispatch.domain.ids import WebhookId
from flux_dispatch.engine.bulkhead import LONGEST_PAUSE, SHORTEST_PAUSE, Bulkhead
from tests.waiting import let_others_run

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


async def test_a_jam_turns_away_at_once_until_a_place_comes_free() -> None:
    bulkhead = Bulkhead(1, BRIEF)
    assert await bulkhead.enter(SLOW)
    assert not await bulkhead.enter(SLOW)
    with pytest.raises(StopIteration) as answer:  # it ends without having waited for anything
        bulkhead.enter(SLOW).send(None)
    assert answer.value.value is False
    bulkhead.leave(SLOW, 0.1)
    assert await bulkhead.enter(SLOW)


async def test_the_pause_grows_with_the_queue_and_is_bounded() -> None:
    bulkhead = Bulkhead(1, BRIEF)
    assert await bulkhead.enter(SLOW)
    pauses = [bulkhead.pause(SLOW) for _ in range(100)]
    assert pauses == sorted(pauses)
    assert pauses[0] == SHORTEST_PAUSE
    assert pauses[9] == timedelta(seconds=10)
    assert pauses[-1] == LONGEST_PAUSE


async def test_closing_turns_everybody_away_without_a_pause() -> None:
    bulkhead = Bulkhead(1, LONG)
    assert await bulkhead.enter(SLOW)
    waiting = asyncio.create_task(bulkhead.enter(SLOW))
    await let_others_run()
    bulkhead.close()
    assert not await waiting
    assert not await bulkhead.enter(OTHER)
    assert bulkhead.pause(SLOW) == timedelta(0)


async def test_a_webhook_that_is_idle_again_is_forgotten() -> None:
    bulkhead = Bulkhead(1, BRIEF)
    assert await bulkhead.enter(SLOW)
    bulkhead.leave(SLOW, 0.1)
    assert not bulkhead._webhooks
