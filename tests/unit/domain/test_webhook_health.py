"""When a webhook is told to fail, disabled, and left alone."""

from datetime import UTC, datetime, timedelta

import pytest

from flux_dispatch.domain.webhook_health import (
    LEAST_ATTEMPTS,
    Health,
    HealthPolicy,
    HealthRecord,
    Verdict,
    health_after,
    judge,
    next_look,
)

NOW = datetime(2026, 1, 15, tzinfo=UTC)
POLICY = HealthPolicy()
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def record(  # noqa: PLR0913 - what a record is made of
    health: Health,
    since: timedelta,
    *,
    attempts: int = LEAST_ATTEMPTS,
    last: timedelta | None = MINUTE,
    is_enabled: bool = True,
    has_delivered: bool = False,
) -> HealthRecord:
    last_attempt_at = None if last is None else NOW - last
    return HealthRecord(health, NOW - since, is_enabled, attempts, has_delivered, last_attempt_at)


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (record(Health.SUSPECT, 10 * MINUTE), Verdict.TELL_FAILING),
        (record(Health.SUSPECT, 10 * MINUTE, attempts=LEAST_ATTEMPTS - 1), Verdict.WAIT),
        (record(Health.SUSPECT, 2 * DAY, attempts=1, last=2 * DAY), Verdict.FORGET),
        (record(Health.SUSPECT, 10 * MINUTE, has_delivered=True), Verdict.FORGET),
        (record(Health.SUSPECT, 10 * MINUTE, is_enabled=False), Verdict.FORGET),
        (record(Health.FAILING, 4 * DAY), Verdict.WAIT),
        (record(Health.FAILING, 5 * DAY), Verdict.DISABLE),
        (record(Health.FAILING, 9 * DAY, last=2 * DAY), Verdict.WAIT),
        (record(Health.FAILING, 9 * DAY, last=None), Verdict.WAIT),
        (record(Health.FAILING, 9 * DAY, is_enabled=False), Verdict.REST),
        (record(Health.FAILING, 10 * MINUTE, has_delivered=True), Verdict.TELL_RECOVERED),
        (record(Health.RECOVERED, DAY), Verdict.TELL_RECOVERED),
        (record(Health.RECOVERED, DAY, is_enabled=False), Verdict.REST),
        (record(Health.DISABLED, DAY, is_enabled=False), Verdict.TELL_DISABLED),
        (record(Health.UNRESOLVED, DAY), Verdict.WAIT),
        (record(Health.SUSPECT_AGAIN, 10 * MINUTE), Verdict.TELL_FAILING),
        (record(Health.SUSPECT_AGAIN, 10 * MINUTE, attempts=LEAST_ATTEMPTS - 1), Verdict.WAIT),
        (record(Health.SUSPECT_AGAIN, 2 * DAY, attempts=1, last=2 * DAY), Verdict.REST),
        (record(Health.SUSPECT_AGAIN, 10 * MINUTE, has_delivered=True), Verdict.TELL_RECOVERED),
        (record(Health.SUSPECT_AGAIN, 10 * MINUTE, is_enabled=False), Verdict.REST),
        (record(Health.DELETED, DAY), Verdict.CLOSE_INCIDENTS),
    ],
)
def test_what_is_done_about_a_webhook(known: HealthRecord, verdict: Verdict) -> None:
    assert judge(known, POLICY, NOW) is verdict


def test_what_people_were_told_of_is_remembered_until_it_is_over() -> None:
    told = {Verdict.TELL_FAILING: Health.FAILING, Verdict.TELL_DISABLED: Health.UNRESOLVED}
    told |= {Verdict.DISABLE: Health.UNRESOLVED, Verdict.REST: Health.UNRESOLVED, Verdict.WAIT: Health.SUSPECT}
    assert {each: health_after(each, Health.SUSPECT) for each in told} == told
    over = (Verdict.FORGET, Verdict.TELL_RECOVERED, Verdict.CLOSE_INCIDENTS)
    assert {health_after(each, Health.FAILING) for each in over} == {None}


def test_never_is_never() -> None:
    assert judge(record(Health.FAILING, 300 * DAY), HealthPolicy(disable_after=None), NOW) is Verdict.WAIT


@pytest.mark.parametrize(
    ("since", "pause"),
    [
        (MINUTE, 5 * MINUTE),
        (30 * MINUTE, 30 * MINUTE),
        (3 * DAY, DAY),
        (4.5 * DAY, DAY / 2),  # no later than the moment at which it may be disabled
        (7 * DAY, DAY),
    ],
)
def test_it_is_looked_at_again_the_later_the_longer_it_is_known(since: timedelta, pause: timedelta) -> None:
    assert next_look(record(Health.FAILING, since), POLICY, NOW) - NOW == pause
