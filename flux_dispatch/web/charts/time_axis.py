"""The axis of time: which instants get a label, where it stands, and which of them go where there is little room."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from flux_dispatch.web.charts.wording import clock, day

_ORIGIN: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_MINUTES: Final = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400, 28800)
_INTERVALS: Final = tuple(timedelta(minutes=each) for each in _MINUTES)
_MOST: Final = 8
_MORE: Final = 4
_ALWAYS: Final = 2


class Density(StrEnum):
    """Up to which density a label belongs: the few stand always, `most` only where there is much room."""

    FEW = "few"
    MORE = "more"
    MOST = "most"


@dataclass(frozen=True, slots=True)
class TimeLabel:
    """A label under the middle of the bucket that begins at `at`; `x` in percent of the width."""

    at: datetime
    x: float
    text: str
    density: Density


def time_labels(first: datetime, step: timedelta, count: int) -> list[TimeLabel]:
    """Return the labels for that many buckets: up to eight or nine in all, half as many, or two or three."""
    most, more, few = _intervals(step, count)
    instants = _multiples(most, first, first + (count - 1) * step) or [first]
    return [
        TimeLabel(
            at,
            100 * ((at - first) / step + 0.5) / count,
            _text(at, most),
            Density.FEW if len(instants) <= _ALWAYS else _density(at, more, few),
        )
        for at in instants
    ]


def _intervals(step: timedelta, count: int) -> tuple[timedelta, timedelta, timedelta]:
    def at_most(number: int, multiple_of: timedelta) -> timedelta:
        fitting = (each for each in _INTERVALS if not each % multiple_of and count * step <= number * each)
        return next(fitting, -(-count // number) * step)

    most = at_most(_MOST, step)
    more = at_most(_MORE, most)
    return most, more, 2 * more


def _multiples(interval: timedelta, begin: datetime, last: datetime) -> list[datetime]:
    at = begin + (_ORIGIN - begin) % interval
    instants = []
    while at <= last:
        instants.append(at)
        at += interval
    return instants


def _text(at: datetime, interval: timedelta) -> str:
    return day(at) if interval >= _DAY or clock(at) == "00:00" else clock(at)


def _density(at: datetime, more: timedelta, few: timedelta) -> Density:
    if not (at - _ORIGIN) % few:
        return Density.FEW
    return Density.MOST if (at - _ORIGIN) % more else Density.MORE
