"""What the sweeper enqueues: grouped, never early, and with a pause that fits what is coming."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.claim import Release, Settlement
from flux_dispatch.domain.ids import AccountId, AlertId, DeliveryId
from flux_dispatch.domain.retry import RetryPolicy
from flux_dispatch.domain.sweep import BEGINNING, DueGroup, NextDue, SweepAction, SweptDelivery, share_out
from flux_dispatch.engine.flow.settler import Settler
from flux_dispatch.engine.sweep import (
    BACKLOG_MESSAGES,
    BUSY_SLEEP_SECONDS,
    COUNTDOWN_STEP_SECONDS,
    MARGIN,
    MAX_GROUPS,
    MAX_SLEEP_SECONDS,
    MAX_WHILE_BUSY,
    MIN_SLEEP_SECONDS,
    PARKED_SLEEP_SECONDS,
    SWEEP_BATCH_SIZE,
    Sweep,
    Work,
    _messages,
)

OURS = AccountId("acct_1")


@given(st.lists(st.floats(min_value=-100, max_value=30)))
def test_no_message_is_early_and_none_a_step_late(due: list[float]) -> None:
    found = [
        SweptDelivery(DeliveryId(f"dlv_{n}"), OURS, SweepAction.ENQUEUE, 2, seconds, None)
        for n, seconds in enumerate(due)
    ]
    enqueued = {each: countdown for (_, countdown), theirs in _messages(found).items() for _, each in theirs}
    assert len(enqueued) == len(found)
    for each in found:
        late = enqueued[each.delivery] - max(each.due_in_seconds, 0)
        assert -1e-9 <= late <= COUNTDOWN_STEP_SECONDS + 1e-9


def test_only_what_shall_be_tried_is_enqueued_and_attempts_do_not_mix() -> None:
    found = [
        SweptDelivery(DeliveryId(f"dlv_{n}"), OURS, action, n % 2 + 1, 0, None) for n, action in enumerate(SweepAction)
    ]
    enqueued = _messages(found)
    assert {each for theirs in enqueued.values() for _, each in theirs} == {
        each.delivery for each in found if each.action in {SweepAction.ENQUEUE, SweepAction.RESCUED}
    }
    assert all(
        {int(each.removeprefix("dlv_")) % 2 + 1 for _, each in theirs} == {attempt}
        for (attempt, _), theirs in enqueued.items()
    )


NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
OTHERS = AccountId("acct_2")


class Due:
    """A store in which these groups of first attempts are due, and looks find one delivery of each that they ask for.

    `asked` are the shares that were looked at, `stranded` the pages that were searched, `since` where looks began.
    """

    def __init__(self, first: float | None = -1.0, retries: float | None = None, groups: int = 1) -> None:
        self.answer = NextDue(NOW, _in(first), _in(retries), unsent_alerts=False)
        self.groups = [DueGroup(NOW - timedelta(seconds=groups - n), (OURS, OTHERS)[n % 2]) for n in range(groups)]
        self.asked: list[tuple[DueGroup, int]] = []
        self.stranded: list[DueGroup] = []
        self.since: list[datetime] = []
        self.fanned_out = 0

    async def next_due(self, *, first_attempts_since: datetime, retries_since: datetime) -> NextDue:
        assert retries_since
        self.since.append(first_attempts_since)
        return self.answer

    async def due_groups(self, *, retries: bool, after: DueGroup, limit: int) -> list[DueGroup]:
        assert not retries
        return [each for each in self.groups if each.second > after.second][:limit]

    async def sweep(self, shares: Sequence[tuple[DueGroup, int]], *, retries: bool) -> list[SweptDelivery]:
        self.asked += shares
        return [
            SweptDelivery(DeliveryId("dlv_1"), group.account, SweepAction.ENQUEUE, 2 if retries else 1, 0, None)
            for group, _ in shares
        ]

    async def sweep_stranded(
        self, *, retries: bool, after: tuple[DueGroup, DeliveryId], limit: int
    ) -> tuple[list[SweptDelivery], tuple[DueGroup, DeliveryId] | None]:
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
    """A queue that notes whose deliveries are enqueued, and a queue that is as long as it is said."""

    def __init__(self, messages: int = 0) -> None:
        self.messages = messages
        self.enqueued = Counter[AccountId]()

    def enqueue_deliveries(
        self, deliveries: Sequence[tuple[AccountId, DeliveryId]], *, attempt: int, countdown_seconds: float
    ) -> None:
        assert (attempt, countdown_seconds) == (1, 0)
        self.enqueued += Counter(account for account, _ in deliveries)

    def enqueue_failures(self, deliveries: Sequence[DeliveryId]) -> None: ...

    def enqueue_alerts(self, alerts: Sequence[AlertId]) -> None: ...

    async def depth(self, *, retries: bool) -> int:
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


async def sweeper(store: Due, queue: Quiet, *held: AccountId, backlog: Holding | None = None) -> Sweep:
    settler = Settler(NothingToSettle(), queue, timedelta(seconds=30))
    return Sweep(
        store, queue, settler, RetryPolicy.from_seconds([0, 60]), Work(backlog or Holding(*held), store.fan_out)
    )


@pytest.mark.parametrize(
    ("first", "retries", "pause"),
    [
        (None, None, MAX_SLEEP_SECONDS),
        (600.0, None, MAX_SLEEP_SECONDS),
        (3.0, 2.0, 2.0),
        (-4.0, 2.0, MIN_SLEEP_SECONDS),
    ],
)
async def test_the_sweeper_sleeps_until_something_comes(
    first: float | None, retries: float | None, pause: float
) -> None:
    assert await (await sweeper(Due(first, retries), Quiet())).run_once() == pause


@pytest.mark.parametrize(
    ("messages", "held", "enqueued", "pause"),
    [
        (0, [], {OURS: 1, OTHERS: 1}, MIN_SLEEP_SECONDS),
        (BACKLOG_MESSAGES, [], {OURS: 1, OTHERS: 1}, BUSY_SLEEP_SECONDS),
        (0, [OURS], {OTHERS: 1}, MIN_SLEEP_SECONDS),
        (0, [OURS, OTHERS], {}, BUSY_SLEEP_SECONDS),
    ],
    ids=["nothing waits", "messages wait", "this worker holds one's", "this worker holds both's"],
)
async def test_a_backlog_is_not_fed_and_hides_nobody(
    messages: int, held: list[AccountId], enqueued: dict[AccountId, int], pause: float
) -> None:
    store, queue = Due(groups=2), Quiet(messages)
    sweep = await sweeper(store, queue, *held)
    assert await sweep.run_once() == pause
    assert queue.enqueued == enqueued
    assert sum(share for _, share in store.asked) <= (MAX_WHILE_BUSY if messages else SWEEP_BATCH_SIZE)


async def test_sweeps_go_on_where_the_last_one_ended_and_begin_anew_at_the_end() -> None:
    store = Due(first=-2.0 * MAX_GROUPS - 10, groups=2 * MAX_GROUPS + 10)
    sweep = await sweeper(store, Quiet())
    for _ in range(4):
        await sweep.run_once()
    looked = [group for group, _ in store.asked]
    assert len(set(looked)) == len(store.groups)
    assert looked[len(store.groups)] == store.groups[0]


async def test_what_dead_workers_left_is_searched_page_by_page_while_an_account_is_held() -> None:
    store = Due(groups=2)
    sweep = await sweeper(store, Quiet(), OURS)
    for _ in range(3):
        await sweep.run_once()
    assert [each.account for each in store.stranded] == [BEGINNING.account, OURS, BEGINNING.account]


async def test_sweeps_begin_where_the_last_one_found_the_first_but_now_and_then_at_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Due(first=-20.0)
    sweep = await sweeper(store, Quiet())
    for _ in range(3):
        await sweep.run_once()
    late = NOW - timedelta(seconds=20) - MARGIN
    assert store.since == [BEGINNING.second, BEGINNING.second, late]
    monkeypatch.setattr(sweep, "_whole_sweep_at", 0.0)
    for _ in range(2):
        await sweep.run_once()
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
    sweep = await sweeper(store, Quiet(), backlog=backlog)
    store.answer = replace(store.answer, has_parked=True)
    assert [await sweep.run_once(), await sweep.run_once()] == [PARKED_SLEEP_SECONDS] * 2
    assert backlog.looks_at_parked == 2
    store.answer = replace(store.answer, has_parked=False)
    assert await sweep.run_once() == MAX_SLEEP_SECONDS
    assert backlog.looks_at_parked == 0


async def test_what_very_many_want_is_gone_on_with_at_once() -> None:
    store = Due(first=None)
    sweep = await sweeper(store, Quiet())
    store.answer = replace(store.answer, has_fan_outs=True)
    assert await sweep.run_once() == MIN_SLEEP_SECONDS
    assert store.fanned_out == 1
