"""Attempts as they were written down, and what people are told of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flux_dispatch.domain.advice import advise
from flux_dispatch.domain.ids import DeliveryId, EventId
from flux_dispatch.domain.outcome import ErrorClass
from flux_dispatch.domain.phases import Phases


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt of a delivery as it is stored; `number` counts from 1.

    `status` is None when no answer came. `error` is None for a success, else an ErrorClass, or a word that only a later
    release knows. `detail` is what the receiver answered, its first bytes, or the error in words where there is no
    status. Of a success no headers are kept.
    """

    number: int
    ended_at: datetime
    duration_seconds: float
    status: int | None
    error: str | None
    detail: str | None
    phases: Phases
    headers: Mapping[str, str]

    @property
    def started_at(self) -> datetime:
        """When it began."""
        return self.ended_at - timedelta(seconds=self.duration_seconds)

    @property
    def error_detail(self) -> str | None:
        """The error in words, where no answer came."""
        return self.detail if self.status is None else None

    @property
    def excerpt(self) -> str | None:
        """The first bytes of the answer as text; None when none came."""
        return None if self.status is None else self.detail or ""

    @property
    def advice(self) -> str | None:
        """What to do about it; None for a success, and for an error that only a later release knows."""
        return advice_on(self.error, self.status, self.phases)


def advice_on(error: str | None, status: int | None, phases: Phases) -> str | None:
    """Return what to do about an attempt of which this is stored, as AttemptRecord.advice tells it."""
    try:
        return advise(ErrorClass(error), status, phases.last) if error else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The last failed attempt to a webhook, and of which delivery it was."""

    event: EventId
    delivery: DeliveryId
    attempt: AttemptRecord
