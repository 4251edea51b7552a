"""What the planner rings: grouped, never early, and with a pause that fits what is coming."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.claim import Release, Settlement
from flux_dispatch.domain.finding import Finding, Found, Horizon
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.domain.retry import RetryTable
from flux_dispatch.engine.plan import (
    BACKLOG_DELIVERIES,
    BACKLOG_MESSAGES,
    BUSY_SLEEP_SECONDS,
    COUNTDOWN_STEP_SECONDS,
    LONGEST_SLEEP_SECONDS,
    SHORTEST_SLEEP_SECONDS,
    Plan,
    _messages,
    _pause,
)
from flux_dispatch.engine.settling import Settling

OURS = AccountId("acct_1")


@given(st.lists(st.floats(min_value=-100, max_value=30)))
def test_no_message_is_early_and_none_a_step_late(due: list[float]) -> None:
    found = [Found(DeliveryId(f"dlv_{n}"), OURS, Finding.RING, 2, seconds, None) for n, seconds in enumerate(due)]
    rung = {each: countdown for (_, countdown), theirs in _messages(found).items() for _, each in theirs}
    assert len(rung) == len(found)
    for each in found:
        late = rung[each.delivery] - max(each.due_in_seconds, 0)
        assert -1e-9 <= late <= COUNTDOWN_STEP_SECONDS + 1e-9


def test_only_what_shall_be_tried_is_rung_and_attempts_do_not_mix() -> None:
    found = [Found(DeliveryId(f"dlv_{n}"), OURS, finding, n % 2 + 1, 0, None) for n, finding in enumerate(Finding)]
    rung = _messages(found)
    assert {each for theirs in rung.values() for _, each in theirs} == {
        each.delivery for each in found if each.finding in {Finding.RING, Finding.RESCUED}
    }
    assert all(
        {int(each.removeprefix("dlv_")) % 2 + 1 for _, each in theirs} == {attempt}
        for (attempt, _), theirs in rung.items()
    )


@pytest.mark.parametrize(
    ("first", "retries", "pause"),
    [
        (None, None, LONGEST_SLEEP_SECONDS),
        (600.0, None, LONGEST_SLEEP_SECONDS),
        (3.0, 2.0, 2.0),
        (-4.0, 2.0, SHORTEST_SLEEP_SECONDS),
    ],
)
def test_the_planner_sleeps_until_something_comes(first: float | None, retries: float | None, pause: float) -> None:
    assert _pause(Horizon(first, retries, unsent_alerts=False)) == pause


class Overdue:
    """A store in which one first attempt and one retry are overdue."""

    def __init__(self) -> None:
        self.asked: dict[bool, bool] = {}

    async def peek(self) -> Horizon:
        return Horizon(-1, -1, unsent_alerts=False)

    async def wake(self, *, retries: bool, may_ring: bool, limit: int) -> list[Found]:
        assert limit > 0
        self.asked[retries] = may_ring
        return []

    async def unsent_alerts(self) -> list[AlertId]:
        return []


class Quiet:
    """A bell that rings nobody, and a queue that is as long as it is said."""

    def __init__(self, messages: int = 0) -> None:
        self.messages = messages

    def deliver(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None: ...

    def fail(self, deliveries: Sequence[DeliveryId]) -> None: ...

    def alert(self, alerts: Sequence[AlertId]) -> None: ...

    async def waiting_messages(self, *, retries: bool) -> int:
        return 0 if retries else self.messages


class Holding:
    """A worker that holds so many retries unclaimed, and no first attempt."""

    def __init__(self, retries: int = 0) -> None:
        self._retries = retries

    def waiting(self, *, retries: bool) -> int:
        return self._retries if retries else 0


class NothingToSettle:
    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        raise AssertionError(settlements)

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        raise AssertionError(releases)


@pytest.mark.parametrize(
    ("messages", "held", "may_ring", "pause"),
    [
        (0, 0, {False: True, True: True}, SHORTEST_SLEEP_SECONDS),
        (BACKLOG_MESSAGES, 0, {False: False, True: True}, BUSY_SLEEP_SECONDS),
        (0, BACKLOG_DELIVERIES, {False: True, True: False}, BUSY_SLEEP_SECONDS),
    ],
    ids=["nothing waits", "messages wait", "this worker holds retries"],
)
async def test_a_backlog_is_not_fed(messages: int, held: int, may_ring: dict[bool, bool], pause: float) -> None:
    store, bell = Overdue(), Quiet(messages)
    settling = Settling(NothingToSettle(), bell, timedelta(seconds=30))
    plan = Plan(store, bell, settling, RetryTable.from_seconds([0, 60]), Holding(held))
    assert await plan.look() == pause
    assert store.asked == may_ring
