"""What the planner rings: grouped, never early, and with a pause that fits what is coming."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.claim import Release, Settlement
from flux_dispatch.domain.finding import BEGINNING, DueGroup, Finding, Found, NextDue, share_out
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.domain.retry import RetryPolicy
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.engine.plan import (
    BACKLOG_MESSAGES,
    BUSY_SLEEP_SECONDS,
    COUNTDOWN_STEP_SECONDS,
    LOOK_BATCH_SIZE,
    MARGIN,
    MAX_GROUPS,
    MAX_SLEEP_SECONDS,
    MAX_WHILE_BUSY,
    MIN_SLEEP_SECONDS,
    PARKED_SLEEP_SECONDS,
    Plan,
    Work,
    _messages,
)

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


NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
OTHERS = AccountId("acct_2")


class Due:
    """A store in which these groups of first attempts are due, and looks find one delivery of each that they ask for.

    `asked` are the shares that were looked at, `stranded` the pages that were searched, `since` where looks began.
    """

    def __init__(self, first: float | None = -1.0, retries: float | None = None, groups: int = 1) -> None:
        self.next_due = NextDue(NOW, _in(first), _in(retries), unsent_alerts=False)
        self.groups = [DueGroup(NOW - timedelta(seconds=groups - n), (OURS, OTHERS)[n % 2]) for n in range(groups)]
        self.asked: list[tuple[DueGroup, int]] = []
        self.stranded: list[DueGroup] = []
        self.since: list[datetime] = []
        self.fanned_out = 0

    async def peek(self, *, first_attempts_since: datetime, retries_since: datetime) -> NextDue:
        assert retries_since
        self.since.append(first_attempts_since)
        return self.next_due

    async def due_groups(self, *, retries: bool, after: DueGroup, limit: int) -> list[DueGroup]:
        assert not retries
        return [each for each in self.groups if each.second > after.second][:limit]

    async def wake(self, shares: Sequence[tuple[DueGroup, int]], *, retries: bool) -> list[Found]:
        self.asked += shares
        return [
            Found(DeliveryId("dlv_1"), group.account, Finding.RING, 2 if retries else 1, 0, None) for group, _ in shares
        ]

    async def wake_stranded(
        self, *, retries: bool, after: tuple[DueGroup, DeliveryId], limit: int
    ) -> tuple[list[Found], tuple[DueGroup, DeliveryId] | None]:
        assert limit
        assert not retries
        self.stranded.append(after[0])
        return [], (self.groups[0], DeliveryId("dlv_9")) if len(self.stranded) == 1 else None

    async def unsent_alerts(self) -> list[AlertId]:
        return []

    async def fan_out(self) -> int:
        self.fanned_out += 1
        return 1000


def _in(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW + timedelta(seconds=seconds)


class Quiet:
    """A bell that notes whose deliveries it rings, and a queue that is as long as it is said."""

    def __init__(self, messages: int = 0) -> None:
        self.messages = messages
        self.rung = Counter[AccountId]()

    def deliver(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        assert (attempt, countdown_seconds) == (1, 0)
        self.rung += Counter(account for account, _ in deliveries)

    def fail(self, deliveries: Sequence[DeliveryId]) -> None: ...

    def alert(self, alerts: Sequence[AlertId]) -> None: ...

    async def waiting_messages(self, *, retries: bool) -> int:
        return 0 if retries else self.messages


class Holding:
    """A worker that holds very much of these accounts unclaimed."""

    def __init__(self, *accounts: AccountId) -> None:
        self.accounts = list(accounts)
        self.looks_at_parked = 0

    def accounts_with_many(self, count: int, *, retries: bool) -> list[AccountId]:
        assert count
        return [] if retries else self.accounts

    async def take_up_parked(self) -> None:
        self.looks_at_parked += 1

    def clear_parked(self) -> None:
        self.looks_at_parked = 0


class NothingToSettle:
    async def settle(self, settlements: Sequence[Settlement]) -> set[DeliveryId]:
        raise AssertionError(settlements)

    async def release(self, releases: Sequence[Release]) -> set[DeliveryId]:
        raise AssertionError(releases)


async def planner(store: Due, bell: Quiet, *held: AccountId, backlog: Holding | None = None) -> Plan:
    settler = Settler(NothingToSettle(), bell, timedelta(seconds=30))
    return Plan(store, bell, settler, RetryPolicy.from_seconds([0, 60]), Work(backlog or Holding(*held), store.fan_out))


@pytest.mark.parametrize(
    ("first", "retries", "pause"),
    [
        (None, None, MAX_SLEEP_SECONDS),
        (600.0, None, MAX_SLEEP_SECONDS),
        (3.0, 2.0, 2.0),
        (-4.0, 2.0, MIN_SLEEP_SECONDS),
    ],
)
async def test_the_planner_sleeps_until_something_comes(
    first: float | None, retries: float | None, pause: float
) -> None:
    assert await (await planner(Due(first, retries), Quiet())).look() == pause


@pytest.mark.parametrize(
    ("messages", "held", "rung", "pause"),
    [
        (0, [], {OURS: 1, OTHERS: 1}, MIN_SLEEP_SECONDS),
        (BACKLOG_MESSAGES, [], {OURS: 1, OTHERS: 1}, BUSY_SLEEP_SECONDS),
        (0, [OURS], {OTHERS: 1}, MIN_SLEEP_SECONDS),
        (0, [OURS, OTHERS], {}, BUSY_SLEEP_SECONDS),
    ],
    ids=["nothing waits", "messages wait", "this worker holds one's", "this worker holds both's"],
)
async def test_a_backlog_is_not_fed_and_hides_nobody(
    messages: int, held: list[AccountId], rung: dict[AccountId, int], pause: float
) -> None:
    store, bell = Due(groups=2), Quiet(messages)
    plan = await planner(store, bell, *held)
    assert await plan.look() == pause
    assert bell.rung == rung
    assert sum(share for _, share in store.asked) <= (MAX_WHILE_BUSY if messages else LOOK_BATCH_SIZE)


async def test_looks_go_on_where_the_last_one_ended_and_begin_anew_at_the_end() -> None:
    store = Due(first=-2.0 * MAX_GROUPS - 10, groups=2 * MAX_GROUPS + 10)
    plan = await planner(store, Quiet())
    for _ in range(4):
        await plan.look()
    looked = [group for group, _ in store.asked]
    assert len(set(looked)) == len(store.groups)
    assert looked[len(store.groups)] == store.groups[0]


async def test_what_dead_workers_left_is_searched_page_by_page_while_an_account_is_held() -> None:
    store = Due(groups=2)
    plan = await planner(store, Quiet(), OURS)
    for _ in range(3):
        await plan.look()
    assert [each.account for each in store.stranded] == [BEGINNING.account, OURS, BEGINNING.account]


async def test_looks_begin_where_the_last_one_found_the_first_but_now_and_then_at_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Due(first=-20.0)
    plan = await planner(store, Quiet())
    for _ in range(3):
        await plan.look()
    late = NOW - timedelta(seconds=20) - MARGIN
    assert store.since == [BEGINNING.second, BEGINNING.second, late]
    monkeypatch.setattr(plan, "_whole_look_at", 0.0)
    for _ in range(2):
        await plan.look()
    assert store.since[3:] == [late, BEGINNING.second]


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from([OURS, OTHERS, AccountId("acct_3")])), unique=True))
def test_every_account_gets_its_part_of_a_look_however_many_groups_it_has(pairs: list[tuple[int, AccountId]]) -> None:
    groups = [DueGroup(NOW + timedelta(seconds=second), account) for second, account in sorted(pairs)]
    shares = share_out(groups, 30)
    given_to = Counter[AccountId]()
    for group, share in shares:
        assert share > 0
        given_to[group.account] += share
    assert set(given_to) == {group.account for group in groups}
    for account, total in given_to.items():
        assert 30 // len(given_to) <= total < 2 * 30 // len(given_to), account


async def test_parked_deliveries_are_looked_at_often_while_there_are_any() -> None:
    store, backlog = Due(first=None), Holding()
    plan = await planner(store, Quiet(), backlog=backlog)
    store.next_due = replace(store.next_due, has_parked=True)
    assert [await plan.look(), await plan.look()] == [PARKED_SLEEP_SECONDS] * 2
    assert backlog.looks_at_parked == 2
    store.next_due = replace(store.next_due, has_parked=False)
    assert await plan.look() == MAX_SLEEP_SECONDS
    assert backlog.looks_at_parked == 0


async def test_what_very_many_want_is_gone_on_with_at_once() -> None:
    store = Due(first=None)
    plan = await planner(store, Quiet())
    store.next_due = replace(store.next_due, has_fan_outs=True)
    assert await plan.look() == MIN_SLEEP_SECONDS
    assert store.fanned_out == 1
