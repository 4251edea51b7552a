"""What is asked for all the time is looked up once for all who ask, and anew before it is forgotten."""

import asyncio

import pytest

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.engine.flow import short_memory
from flux_dispatch.engine.flow.short_memory import ShortMemory
from tests.support.waiting import let_others_run

SECONDS = 3.0


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Database:
    """Answers when it is let, with what it holds at that time."""

    def __init__(self) -> None:
        self.asked = 0
        self.value: str | None = "first"
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def find(self, _: str) -> str | None:
        self.asked += 1
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return self.value


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(short_memory, "time", clock)
    return clock


async def test_many_who_ask_at_once_ask_once() -> None:
    database = Database()
    memory = ShortMemory(database.find, SECONDS)
    assert await asyncio.gather(*(memory.get("key") for _ in range(64))) == ["first"] * 64
    assert database.asked == 1


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    database = Database()
    database.may_answer.clear()
    memory = ShortMemory(database.find, SECONDS)
    first, second = (asyncio.create_task(memory.get("key")) for _ in range(2))
    await let_others_run()
    first.cancel()
    database.may_answer.set()
    assert await second == "first"
    assert first.cancelled()


async def test_it_is_asked_anew_while_what_is_known_still_serves(clock: Clock) -> None:
    database = Database()
    memory = ShortMemory(database.find, SECONDS)
    await memory.get("key")
    database.may_answer.clear()
    database.value = "second"
    clock.now += SECONDS * 0.6
    assert await memory.get("key") == "first"
    database.may_answer.set()
    await asyncio.gather(*memory._asked.values())
    assert await memory.get("key") == "second"
    assert database.asked == 2


async def test_what_is_gone_is_forgotten_as_soon_as_it_is_known(clock: Clock) -> None:
    database = Database()
    memory = ShortMemory(database.find, SECONDS)
    await memory.get("key")
    database.value = None
    clock.now += SECONDS * 0.6
    await memory.get("key")
    await asyncio.gather(*memory._asked.values())
    assert await memory.get("key") is None


async def test_a_database_that_is_away_is_felt_when_the_time_is_over(clock: Clock) -> None:
    database = Database()
    memory = ShortMemory(database.find, SECONDS)
    await memory.get("key")
    database.error = Unavailable("away")
    clock.now += SECONDS * 0.6
    assert await memory.get("key") == "first"
    await asyncio.gather(*memory._asked.values(), return_exceptions=True)
    assert await memory.get("key") == "first"
    clock.now += SECONDS
    with pytest.raises(Unavailable):
        await memory.get("key")
