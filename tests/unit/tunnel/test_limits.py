"""A request that another process carries here takes a place, and keeps it no longer than anyone waits."""

import pytest

from flux_dispatch.domain.errors import RateLimited
from flux_dispatch.domain.ids import ListenSessionId
from flux_dispatch.tunnel import limits
from flux_dispatch.tunnel.limits import Asking, CarriedPlaces, Limits
from tests.support.waiting import eventually_async

SESSION = ListenSessionId("lsn_1")
OTHER = ListenSessionId("lsn_2")


@pytest.fixture
def shared() -> Limits:
    return Limits()


def is_taken(carried: CarriedPlaces, session: ListenSessionId, request: str, asking: Asking, size: int = 1) -> bool:
    try:
        carried.take(session, request, asking, size)
    except RateLimited:
        return False
    return True


async def test_it_shares_the_places_of_those_that_come_here(monkeypatch: pytest.MonkeyPatch, shared: Limits) -> None:
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 2)
    carried = CarriedPlaces(shared, 60)
    with shared.place(SESSION):
        assert is_taken(carried, SESSION, "a", Asking.DELIVERY)
        assert not is_taken(carried, SESSION, "b", Asking.STRANGER)
        assert is_taken(carried, SESSION, "b", Asking.AGAIN)
        assert is_taken(carried, OTHER, "c", Asking.DELIVERY)
    assert is_taken(carried, SESSION, "d", Asking.STRANGER)
    with pytest.raises(RateLimited):
        shared.place(SESSION)
    carried.give_back("a")
    carried.give_back("a")
    carried.give_back("b")
    with shared.place(SESSION), pytest.raises(RateLimited):
        shared.place(SESSION)


async def test_its_bytes_count_here_too(monkeypatch: pytest.MonkeyPatch, shared: Limits) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES_OF_SESSION", 100)
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 2)
    carried = CarriedPlaces(shared, 60)
    assert is_taken(carried, SESSION, "a", Asking.DELIVERY, 60)
    assert not is_taken(carried, SESSION, "b", Asking.DELIVERY, 60)
    with shared.place(SESSION) as place, pytest.raises(RateLimited):
        place.add(60)
    carried.give_back("a")
    assert is_taken(carried, SESSION, "b", Asking.DELIVERY, 100)


async def test_it_is_given_back_when_nobody_can_wait_any_more(monkeypatch: pytest.MonkeyPatch, shared: Limits) -> None:
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 1)
    carried = CarriedPlaces(shared, 0.01)
    assert is_taken(carried, SESSION, "a", Asking.DELIVERY)

    async def has_a_place() -> bool:
        return is_taken(carried, SESSION, "b", Asking.DELIVERY)

    await eventually_async(has_a_place, "the process that carried it may have died")
