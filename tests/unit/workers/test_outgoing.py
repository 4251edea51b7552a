"""What waits to be sent shares its pause only with what may share its message."""

import threading
from dataclasses import dataclass

import pytest

from flux_dispatch.engine.flow.batcher import Linger
from workers.outgoing import Outgoing


@dataclass(frozen=True)
class Item:
    ids: tuple[str, ...]
    owner: str | None = None


SHARED, BULK = Item(("dlv_1",)), Item(("dlv_2",), "acct_1")


@pytest.fixture(autouse=True)
def _long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.outgoing.LINGER", Linger(60, 0, 60))


def test_nobody_waits_for_the_pause_after_anothers_bulk() -> None:
    outgoing = Outgoing[Item]()
    outgoing.put(BULK)
    assert outgoing.take() == [BULK]
    outgoing.put(BULK)
    outgoing.put(SHARED)
    assert outgoing.take() == [SHARED]
    assert len(outgoing) == 1


def test_a_thread_that_waits_for_a_pause_takes_what_has_none() -> None:
    outgoing = Outgoing[Item]()
    outgoing.put(BULK)
    outgoing.take()
    outgoing.put(BULK)
    taken: list[list[Item]] = []
    thread = threading.Thread(target=lambda: taken.append(outgoing.take()))
    thread.start()
    outgoing.put(SHARED)
    thread.join(10)
    assert taken == [[SHARED]]


def test_the_end_of_it_waits_for_no_pause() -> None:
    outgoing = Outgoing[Item]()
    outgoing.put(SHARED)
    outgoing.take()
    outgoing.put(SHARED)
    outgoing.put(BULK)
    outgoing.close()
    assert outgoing.take() == [SHARED, BULK]
    assert outgoing.take() == []


def test_what_is_too_much_pushes_out_the_longer_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.outgoing.MAX_WAITING", 3)
    outgoing = Outgoing[Item]()
    assert [outgoing.put(each) for each in (SHARED, BULK, Item(("dlv_3",), "acct_1"))] == [None] * 3
    assert outgoing.put(Item(("dlv_4",))) == BULK
    assert outgoing.put(Item(("dlv_5",))) == SHARED
