"""How long a publication is tried: as long as the database is unavailable, and no longer than it is its own fault."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flux_dispatch.domain.errors import NotFound, Unavailable
from flux_dispatch.domain.event import Event, StoredEvent
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.engine.flow.clock import DatabaseClock
from flux_dispatch.engine.publish import Publish
from tests.support.queues import SilentQueue
from workers.publication import Publication
from workers.until_stored import MAX_SECONDS, MAX_TRIES, CannotBeStored, Stopped, UntilStored

POISON = "order.poison"


async def _time() -> datetime:
    return datetime.now(UTC)


class Events:
    """A store that raises what is put into `troubles`, one for each commit, and always for what is poison."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.stored: list[str] = []

    async def create(self, events: Any, *, first_delay: timedelta) -> list[StoredEvent | None]:
        assert first_delay == timedelta(0)
        if self.troubles:
            raise self.troubles.pop(0)
        if any(each.type == POISON for each in events):
            raise RuntimeError("this one\nand what was in it")
        self.stored += [each.type for each in events]
        return [self._stored(each) for each in events]

    @staticmethod
    def _stored(event: Event) -> StoredEvent | None:
        return None if event.type == "order.unknown" else StoredEvent(event, (), 0, is_duplicate=False)


class Clock:
    """Time that passes by sleeping only; ends the worker when it is told to."""

    def __init__(self, ends_after: float = float("inf")) -> None:
        self.now = 0.0
        self._ends_after = ends_after

    async def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now < self._ends_after


def trying(events: Events, clock: Clock) -> UntilStored:
    publish = Publish(
        events, SilentQueue(), DatabaseClock(_time), first_delay=timedelta(0), horizon=timedelta(seconds=30)
    )
    return UntilStored(publish, clock.wait, lambda: clock.now)


def publication(event_type: str = "order.completed") -> Publication:
    return Publication(AccountId("acct_" + "0" * 32), event_type, {}, "key")


async def test_it_is_tried_for_as_long_as_the_database_is_unavailable() -> None:
    events, clock = Events(*[Unavailable("away")] * 1000), Clock()
    assert (await trying(events, clock)(publication())).event.type == "order.completed"
    assert clock.now > MAX_SECONDS


async def test_whatever_else_goes_wrong_it_is_tried_again() -> None:
    events = Events(RuntimeError("read-only"), OSError("reset"), Unavailable("away"), ValueError("?"))
    await trying(events, Clock())(publication())
    assert events.stored == ["order.completed"]


async def test_what_the_caller_must_mend_is_not_tried_again() -> None:
    clock = Clock()
    with pytest.raises(NotFound):
        await trying(Events(), clock)(publication("order.unknown"))
    assert clock.now == 0


async def test_what_fails_while_others_are_stored_is_given_up_and_says_why() -> None:
    events, clock = Events(), Clock()
    until_stored = trying(events, clock)
    tries = 0

    async def wait(seconds: float) -> bool:
        nonlocal tries
        tries += 1
        await until_stored(publication())
        return await clock.wait(seconds)

    until_stored._sleep = wait
    with pytest.raises(CannotBeStored, match=r"It failed 12 times: RuntimeError: this one$"):
        await until_stored(publication(POISON))
    assert tries == MAX_TRIES - 1


async def test_what_fails_while_nothing_is_stored_is_given_up_much_later() -> None:
    clock = Clock()
    with pytest.raises(CannotBeStored):
        await trying(Events(), clock)(publication(POISON))
    assert MAX_SECONDS < clock.now < MAX_SECONDS + 10


async def test_an_outage_does_not_count_against_it() -> None:
    events, clock = Events(*[Unavailable("away")] * 1000, RuntimeError("once")), Clock()
    await trying(events, clock)(publication())
    assert events.stored == ["order.completed"]


async def test_the_end_of_the_worker_ends_the_trying() -> None:
    with pytest.raises(Stopped):
        await trying(Events(*[Unavailable("away")] * 100), Clock(ends_after=30))(publication())
