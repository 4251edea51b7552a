"""Meters: what is measured of every attempt, in plain numbers; what reads them makes metrics of them."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.ids import made_at_seconds
from flux_dispatch.domain.outcome import Attempt, Succeeded
from flux_dispatch.engine.flow.lease_clock import LeaseClock

DELAY_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
DURATION_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60)
LATENCY_BOUNDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 21_600)
"""In seconds. The first two end beyond what the sweeper makes good, and the longest POST; the last one with the last
attempt of the usual retry table."""


class Histogram:
    """Counts values by bounds that are fixed; adding one takes half a microsecond.

    Attributes:
        bounds: the highest value of each bucket, ascending; one more bucket takes what is above the last.
        counts: how many values each bucket got, from the first to the one above the last.
        total: what all values add up to.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class AttemptMeter:
    """Measures the POSTs of this worker.

    Attributes:
        delay: how late each began, in seconds after it was due.
        duration: how long each took.
        latency: how long after a delivery was stored it was answered with success; those that were recovered, and
            tests, are left out, for they were not owed all the while.
        not_begun: how many were given back for want of something of this machine's.
    """

    def __init__(self) -> None:
        self.delay = Histogram(DELAY_BOUNDS)
        self.duration = Histogram(DURATION_BOUNDS)
        self.latency = Histogram(LATENCY_BOUNDS)
        self.not_begun = 0

    def add(self, claim: Claim, clock: LeaseClock, started: float, attempt: Attempt) -> None:
        """Take in a POST that began at this monotonic second, and has ended."""
        # plain arithmetic, and no call that can be spared: each delivery comes through here
        delay = started - clock.asked - claim.wait_seconds
        took = attempt.duration_seconds
        self.delay.add(delay if delay > 0 else 0.0)
        self.duration.add(took)
        if not claim.recovered_after and type(attempt.outcome) is Succeeded:
            # as if the claim had been made when it was asked for: that is a little too late, and never too early
            latency = clock.at_seconds + started + took - clock.asked - made_at_seconds(claim.delivery)
            self.latency.add(latency if latency > 0 else 0.0)
