"""Countdowns end when they should on hosts whose clocks are off."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import redis

from workers.broker_clock import BrokerClock

HOUR = 3600.0


class Redis:
    """A Redis whose clock is the true one, and can be away."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.asked = 0
        self.is_unavailable = False

    def time(self) -> tuple[int, int]:
        self.asked += 1
        if self.is_unavailable:
            raise redis.ConnectionError
        return int(self.now), round(self.now % 1 * 1e6)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1_800_000_000.0, steady=7.0)
    module = SimpleNamespace(time=lambda: clock.now, monotonic=lambda: clock.steady)
    monkeypatch.setattr("workers.broker_clock.time", module)
    return clock


@pytest.mark.parametrize("off", [-HOUR, 0.0, HOUR])
def test_what_one_host_sends_another_runs_on_time(host: SimpleNamespace, off: float) -> None:
    true = host.now
    server = Redis(true)
    host.now = true + off
    eta = BrokerClock().eta(server, 20)
    assert abs(eta - datetime.fromtimestamp(true + 20, UTC)) < timedelta(milliseconds=1)
    host.now = true - off
    here = datetime.fromisoformat(BrokerClock().here(server, eta.isoformat()))
    assert abs(here - datetime.fromtimestamp(host.now + 20, UTC)) < timedelta(milliseconds=1)


def test_the_difference_is_asked_for_now_and_then_and_remembered(host: SimpleNamespace) -> None:
    server, clock = Redis(host.now + HOUR), BrokerClock()
    first = [clock.eta(server, 0) for _ in range(100)]
    assert server.asked == 1
    host.steady += 61
    server.is_unavailable = True
    assert clock.eta(server, 0) == first[0]
    assert server.asked == 2


def test_what_is_no_instant_is_said(host: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="soon"):
        BrokerClock().here(Redis(host.now), "soon")
