"""What a chart is made of: buckets of time, and what was counted or measured in each of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Tone(StrEnum):
    """How a series looks: its class in the stylesheet. No two of them differ by their colour alone."""

    GOOD = "good"
    BAD = "bad"
    MAIN = "main"
    SIDE = "side"


class Measure(StrEnum):
    """What the values are, and so how they are written."""

    COUNT = "count"
    MILLISECONDS = "milliseconds"


@dataclass(frozen=True, slots=True)
class Series:
    """One of the things that are counted or measured."""

    name: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Bucket:
    """What each series has in one bucket, which begins at an aware instant; None where nothing was measured."""

    at: datetime
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn, and what the table beside it says.

    `id` is the page's name for it, of which the ids within it are made. `unit` says in words what the values are, like
    "attempts per hour". The buckets are `step` wide and follow each other, the oldest first. `nothing` is what stands
    in the plot when there is nothing to draw.

    Raises:
        ValueError: the id is none, there is no series, a bucket has more or fewer values than there are
            series, or a value below 0, or does not begin where the one before ends.
    """

    id: str
    title: str
    unit: str
    step: timedelta
    series: Sequence[Series]
    buckets: Sequence[Bucket]
    measure: Measure = Measure.COUNT
    nothing: str = "Nothing in this time"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", self.id):
            raise ValueError(f"a chart's id is made of a-z, 0-9 and -, and begins with a letter; not {self.id!r}")
        if not self.series:
            raise ValueError("a chart draws at least one series")
        for number, bucket in enumerate(self.buckets):
            if bucket.at.utcoffset() is None:
                raise ValueError(f"a bucket begins at an aware instant, {bucket.at} has no zone")
            if bucket.at != self.buckets[0].at + number * self.step:
                raise ValueError(f"the bucket of {bucket.at} does not begin where the one before ends")
            if len(bucket.values) != len(self.series):
                raise ValueError(f"{len(self.series)} series, but the bucket of {bucket.at} has {bucket.values}")
            if any(value is not None and value < 0 for value in bucket.values):
                raise ValueError(f"a value is 0 or more, the bucket of {bucket.at} has {bucket.values}")

    @property
    def begins_at(self) -> tuple[datetime, ...]:
        """When each bucket begins, in UTC."""
        return tuple(bucket.at.astimezone(UTC) for bucket in self.buckets)

    @property
    def columns(self) -> list[list[float | None]]:
        """Return the values of each series, the oldest first."""
        return [[bucket.values[number] for bucket in self.buckets] for number in range(len(self.series))]
