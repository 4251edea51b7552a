"""What a worker's steps tell: each failure is counted, and said when it is news."""

import pytest

from workers import steps
from workers.steps import SAY_AGAIN_SECONDS, Steps


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of steps, as its only item."""
    time = [1000.0]
    monkeypatch.setattr(steps.time, "monotonic", lambda: time[0])
    return time


def test_a_failure_is_said_once_a_minute_and_counted_each_time(now: list[float]) -> None:
    noted = Steps()
    said = []
    for _ in range(130):
        said.append(noted.fail("relay", "connection refused"))
        now[0] += 1
    assert [second for second, each in enumerate(said) if each] == [0, SAY_AGAIN_SECONDS, 2 * SAY_AGAIN_SECONDS]
    assert noted.failures == {"relay": 130}


@pytest.mark.usefixtures("now")
def test_another_cause_another_step_and_another_outage_are_news() -> None:
    noted = Steps()
    assert noted.fail("relay", "connection refused")
    assert noted.fail("relay", "statement timeout")
    assert noted.fail("sweep", "statement timeout")
    assert noted.done("relay")
    assert noted.fail("relay", "statement timeout")
    assert not noted.fail("sweep", "statement timeout")


def test_done_says_whether_it_had_failed(now: list[float]) -> None:
    noted = Steps()
    assert not noted.done("sweep")
    noted.fail("sweep", "connection refused")
    now[0] += 1
    assert noted.done("sweep")
    assert not noted.done("sweep")
    assert noted.done_at == {"sweep": 1001.0}
