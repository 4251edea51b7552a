"""A machine that slept, and a process that was stopped, are noticed; a slow step is not taken for either."""

import pytest

from flux_dispatch.cli.listen.clock_watch import ClockWatch


@pytest.mark.parametrize(
    ("wall", "monotonic", "paused"),
    [
        (1.0, 1.0, 0),
        (3.0, 3.1, 0),
        (14.0, 14.0, 0),
        (3600.0, 1.0, 3600),
        (20.0, 20.0, 20),
        (-60.0, 1.0, 1),
    ],
)
def test_clocks_that_disagree_tell_a_pause(wall: float, monotonic: float, paused: float) -> None:
    walls, monotonics = iter([1000.0, 1000.0 + wall]), iter([50.0, 50.0 + monotonic])
    watch = ClockWatch(lambda: next(walls), lambda: next(monotonics))
    assert watch.paused_seconds() == paused
