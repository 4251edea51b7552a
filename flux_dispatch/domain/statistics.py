"""Statistics of a webhook: what is counted in buckets of five minutes, and what is read out of them.

The durations of attempts are counted in classes whose bounds double: below 4 ms, below 8 ms, … below 32.768 s, and
beyond. So two rows of counts add up to a third, and a quantile is off by less than its class is wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

BUCKET: Final = timedelta(minutes=5)

LATENCY_BOUNDS: Final = tuple(0.004 * float(1 << number) for number in range(14))
"""In seconds, rising. An attempt that took exactly a bound belongs above it; there is one class more than bounds."""


class Period(StrEnum):
    """How far back statistics go."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def step(self) -> timedelta:
        """How wide the buckets are that they are shown in."""
        return _STEPS[self][0]

    @property
    def buckets(self) -> int:
        """How many of these they are, the one that is running now included."""
        return _STEPS[self][1]

    @property
    def point_step(self) -> timedelta:
        """How wide the buckets are of a chart that is as small as a word."""
        return _POINTS[self][0]

    @property
    def points(self) -> int:
        """How many of these they are, the one that is running now included; at most 24."""
        return _POINTS[self][1]


_STEPS: Final = {
    Period.DAY: (timedelta(minutes=5), 288),
    Period.WEEK: (timedelta(hours=1), 168),
    Period.MONTH: (timedelta(hours=6), 120),
}
_POINTS: Final = {
    Period.DAY: (timedelta(hours=1), 24),
    Period.WEEK: (timedelta(hours=8), 21),
    Period.MONTH: (timedelta(hours=30), 24),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in some time: attempts by how they ended, deliveries that were given up, and durations."""

    attempts: int = 0
    delivered: int = 0
    final_failures: int = 0
    latencies: tuple[int, ...] = (0,) * (len(LATENCY_BOUNDS) + 1)

    @property
    def failed_attempts(self) -> int:
        """Attempts that did not deliver."""
        return self.attempts - self.delivered

    @property
    def success_rate(self) -> float | None:
        """The part of the attempts that delivered, 0 to 1; None when there were none."""
        return self.delivered / self.attempts if self.attempts else None

    def latency(self, quantile: float) -> float | None:
        """Return the seconds within which this part (above 0, to 1) of the attempts ended; None when there were none.

        Within a class its attempts are taken as evenly spread; of the last one, which has no end, its begin is told.
        """
        rank = quantile * sum(self.latencies)
        for lower, upper, count in zip(_FROM, _TO, self.latencies, strict=True):
            if count and rank <= count:
                return lower + (upper - lower) * rank / count
            rank -= count
        return None


_FROM: Final = (0.0, *LATENCY_BOUNDS)
_TO: Final = (*LATENCY_BOUNDS, LATENCY_BOUNDS[-1])


def total(parts: Sequence[Counts]) -> Counts:
    """Return what was counted in all of them."""
    return Counts(
        sum(each.attempts for each in parts),
        sum(each.delivered for each in parts),
        sum(each.final_failures for each in parts),
        tuple(map(sum, zip(Counts().latencies, *(each.latencies for each in parts), strict=True))),
    )
