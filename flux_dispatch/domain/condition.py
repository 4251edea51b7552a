"""Conditions of the whole installation that operators are told of: when they begin, and when they are over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

HOLD: Final = timedelta(seconds=45)
"""How long a condition must hold, and how long it must be over, before anybody is told: a restart is no trouble."""

LOOK_PAUSE: Final = timedelta(seconds=15)
"""How often one of all processes looks."""

IS_OVER_BELOW: Final = 0.8
"""What was too much is over only below this part of the bound, so that nobody is told again and again."""


class Condition(StrEnum):
    """What operators are told of."""

    DELIVERIES_LATE = "deliveries_late"
    """A delivery has been due for longer than it should be."""

    BACKLOG_HIGH = "backlog_high"
    """Very many deliveries are open."""

    NO_WORKERS = "no_workers"
    """No worker answers; only an API process can tell."""

    BROKER_DOWN = "broker_down"
    """Redis does not answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look came to: `holds` is None where it cannot be told, and then nothing changes."""

    condition: Condition
    holds: bool | None
    says: str = ""


@dataclass(frozen=True, slots=True)
class KnownCondition:
    """A condition as it is stored: whether people were told that it holds, and since when the opposite was seen."""

    condition: Condition
    holds: bool
    since: datetime
    opposite_since: datetime | None


@dataclass(frozen=True, slots=True)
class ConditionMove:
    """What a look makes of a known condition; `is_told` says that people are to be told."""

    holds: bool
    since: datetime
    opposite_since: datetime | None
    is_told: bool


def move(known: KnownCondition, seen: Seen, now: datetime) -> ConditionMove:
    """Return what becomes of a condition after this look."""
    if seen.holds is None or seen.holds == known.holds:
        opposite = known.opposite_since if seen.holds is None else None
        return ConditionMove(known.holds, known.since, opposite, is_told=False)
    began = known.opposite_since or now
    if now - began < HOLD:
        return ConditionMove(known.holds, known.since, began, is_told=False)
    return ConditionMove(seen.holds, began, None, is_told=True)
