"""Whether rounds that differ say that a goal was reached: a rule that is told before one looks.

The rule: a goal is reached or missed if it lies outside the interval that holds the true median with three in four
chances, and in between nothing can be told. The interval is that of the sign test, which assumes nothing about how
rounds are spread: three rounds must agree, of six one may differ on either side, and one or two rounds tell nothing.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import accumulate
from math import comb
from typing import Final

CONFIDENCE: Final = 0.75


class Verdict(StrEnum):
    """What may be said of a goal."""

    REACHED = "reached"
    MISSED = "missed"
    CANNOT_TELL = "cannot tell"


def judge(rounds: Sequence[float], *, at_most: float) -> Verdict:
    """Say whether what was measured in these rounds is at most so much; a round that is no number missed it."""
    cut = _extremes(len(rounds))
    if cut is None:
        return Verdict.CANNOT_TELL
    reached = sum(each <= at_most for each in rounds)
    if reached >= len(rounds) - cut:
        return Verdict.REACHED
    return Verdict.MISSED if reached <= cut else Verdict.CANNOT_TELL


def _extremes(count: int) -> int | None:
    """Return how many rounds may be left out at each end so that the others still hold the true median; None: none."""
    # how likely it is that so many rounds or fewer lie on one side of the true median
    tails = [ways / 2**count for ways in accumulate(comb(count, each) for each in range((count + 1) // 2))]
    allowed = [cut for cut, tail in enumerate(tails) if 1 - 2 * tail >= CONFIDENCE]
    return max(allowed, default=None)
