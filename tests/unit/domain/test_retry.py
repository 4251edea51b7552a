"""The retry table is kept: never early, later only where the receiver asked for it, and not for ever."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_dispatch.domain.outcome import ErrorClass, NoResponse, Outcome, Rejected, Succeeded
from flux_dispatch.domain.retry import (
    MAX_RETRY_AFTER,
    ONLY_ATTEMPT,
    Decision,
    Done,
    GiveUp,
    RetryAfter,
    RetryPolicy,
    decide,
)

TABLE = RetryPolicy.from_seconds((0, 60, 300, 1800, 7200))
BROKEN = Rejected(500)
SILENT = NoResponse(ErrorClass.TIMEOUT)

delays = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=7))
tables = st.lists(delays, min_size=1, max_size=20).map(lambda each: RetryPolicy(tuple(each)))
asked_seconds = st.none() | st.floats(min_value=0, max_value=1e9, allow_nan=False)
refusals = st.builds(
    Rejected, st.integers(300, 599).filter(lambda status: status != 410), retry_after_seconds=asked_seconds
)
failures: st.SearchStrategy[Outcome] = refusals | st.builds(NoResponse, st.sampled_from(ErrorClass))


@pytest.mark.parametrize(
    ("outcome", "attempt", "decision"),
    [
        (Succeeded(200), 1, Done()),
        (Succeeded(204), 5, Done()),
        (BROKEN, 1, RetryAfter(timedelta(minutes=1))),
        (BROKEN, 2, RetryAfter(timedelta(minutes=5))),
        (BROKEN, 3, RetryAfter(timedelta(minutes=30))),
        (BROKEN, 4, RetryAfter(timedelta(hours=2))),
        (BROKEN, 5, GiveUp("attempts_exhausted")),
        (SILENT, 1, RetryAfter(timedelta(minutes=1))),
        (SILENT, 5, GiveUp("attempts_exhausted")),
        (Rejected(410), 1, GiveUp("gone")),
        (Rejected(410, retry_after_seconds=120.0), 2, GiveUp("gone")),
        (Rejected(410), 5, GiveUp("gone")),
        (Rejected(429, retry_after_seconds=120.0), 1, RetryAfter(timedelta(seconds=120))),
        (Rejected(429, retry_after_seconds=30.0), 1, RetryAfter(timedelta(minutes=1))),
        (Rejected(503, retry_after_seconds=120.0), 2, RetryAfter(timedelta(minutes=5))),
        (Rejected(503, retry_after_seconds=1e9), 1, RetryAfter(MAX_RETRY_AFTER)),
        (Rejected(429, retry_after_seconds=1.0), 5, GiveUp("attempts_exhausted")),
    ],
)
def test_what_follows_an_attempt(outcome: Outcome, attempt: int, decision: Decision) -> None:
    assert decide(outcome, attempt, TABLE) == decision


@given(failures, tables, st.data())
def test_a_retry_is_never_earlier_than_the_table(outcome: Outcome, table: RetryPolicy, data: st.DataObject) -> None:
    attempt = data.draw(st.integers(1, table.attempts))
    decision = decide(outcome, attempt, table)
    if attempt == table.attempts:
        assert decision == GiveUp("attempts_exhausted")
    else:
        assert isinstance(decision, RetryAfter)
        assert decision.delay >= table.delay_before(attempt + 1)


@given(failures, tables)
def test_a_retry_is_never_later_than_the_table_and_the_clamp(outcome: Outcome, table: RetryPolicy) -> None:
    decision = decide(outcome, 1, table)
    if isinstance(decision, RetryAfter):
        assert decision.delay <= max(table.delay_before(2), MAX_RETRY_AFTER)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(1, 4))
def test_who_asks_for_more_time_never_gets_less(one: float, other: float, attempt: int) -> None:
    less, more = sorted((one, other))
    first = decide(Rejected(429, retry_after_seconds=less), attempt, TABLE)
    second = decide(Rejected(429, retry_after_seconds=more), attempt, TABLE)
    assert isinstance(first, RetryAfter)
    assert isinstance(second, RetryAfter)
    assert first.delay <= second.delay


@given(failures, st.integers(1, 20), tables)
def test_failing_ends_after_as_many_attempts_as_the_table_has(outcome: Outcome, extra: int, table: RetryPolicy) -> None:
    assert isinstance(decide(outcome, table.attempts + extra, table), GiveUp)


def test_a_success_ends_it_however_many_attempts_it_took() -> None:
    assert all(decide(Succeeded(200), attempt, TABLE) == Done() for attempt in range(1, 10))


@pytest.mark.parametrize("wrong", [(), (0, -1)])
def test_a_table_needs_a_delay_and_none_below_zero(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="at least one delay"):
        RetryPolicy.from_seconds(wrong)


def test_a_recovered_delivery_has_the_whole_table_again() -> None:
    for attempt in range(1, TABLE.attempts + 2):
        again = decide(Rejected(500), attempt + 7, TABLE, recovered_after=7)
        assert again == decide(Rejected(500), attempt, TABLE)


@given(failures, tables)
def test_what_has_one_attempt_has_no_other_whatever_the_table(outcome: Outcome, table: RetryPolicy) -> None:
    assert decide(outcome, 1, table, recovered_after=ONLY_ATTEMPT) == GiveUp("attempts_exhausted")
