"""The database's clock is told without asking, asked again in time, and never mixed up with the host's."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.engine.flow.clock import ASKED_AGAIN_SECONDS, DatabaseClock
from tests.support.waiting import let_others_run

THEN = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


class Host:
    """The clock and the counter of a host, which a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.counter = 5_000_000.0, 77.0
        monkeypatch.setattr(time, "time", lambda: self.clock)
        monkeypatch.setattr(time, "monotonic", lambda: self.counter)

    def passes(self, seconds: float) -> None:
        self.clock += seconds
        self.counter += seconds


class Database:
    def __init__(self) -> None:
        self.now, self.asked, self.is_unavailable = THEN, 0, False

    async def ask(self) -> datetime:
        self.asked += 1
        if self.is_unavailable:
            raise Unavailable("away")
        return self.now


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


@pytest.fixture
def database() -> Database:
    return Database()


async def test_it_is_asked_once_and_counted_on(host: Host, database: Database) -> None:
    clock = DatabaseClock(database.ask)
    assert await clock.now() == THEN
    host.passes(30)
    assert await clock.now() == THEN + timedelta(seconds=30)
    assert database.asked == 1


async def test_it_is_asked_again_in_time_and_nobody_waits_for_that(host: Host, database: Database) -> None:
    clock = DatabaseClock(database.ask)
    await clock.now()
    host.passes(ASKED_AGAIN_SECONDS + 1)
    database.now = THEN + timedelta(seconds=62)
    assert await clock.now() == THEN + timedelta(seconds=61)
    await let_others_run(3)
    assert await clock.now() == THEN + timedelta(seconds=62)
    assert database.asked == 2


async def test_a_host_whose_clock_is_set_asks_first(host: Host, database: Database) -> None:
    clock = DatabaseClock(database.ask)
    await clock.now()
    host.clock += 3600
    database.now = THEN + timedelta(seconds=5)
    assert await clock.now() == THEN + timedelta(seconds=5)


async def test_a_database_that_is_away_is_missed_at_the_first_time_only(host: Host, database: Database) -> None:
    clock = DatabaseClock(database.ask)
    database.is_unavailable = True
    with pytest.raises(Unavailable):
        await clock.now()
    database.is_unavailable = False
    await clock.now()
    database.is_unavailable = True
    host.passes(ASKED_AGAIN_SECONDS + 1)
    for _ in range(2):
        assert await clock.now() == THEN + timedelta(seconds=ASKED_AGAIN_SECONDS + 1)
        await let_others_run(3)
    assert database.asked == 4


async def test_it_is_never_ahead_however_long_connecting_and_the_answer_took(host: Host) -> None:
    async def connect_and_ask() -> datetime:
        host.passes(0.4)  # connecting
        told = THEN + timedelta(seconds=0.4)
        host.passes(0.1)  # the answer's way
        return told

    clock = DatabaseClock(connect_and_ask)
    assert await clock.now() == THEN + timedelta(seconds=0.4)
    host.passes(10)
    assert await clock.now() <= THEN + timedelta(seconds=10.5)
