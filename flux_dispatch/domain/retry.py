"""The retry table and the one decision made from it: what follows after an attempt."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias, assert_never

from flux_dispatch.domain.outcome import NoResponse, Outcome, Rejected, Succeeded

MAX_RETRY_AFTER: Final = timedelta(hours=12)
"""A receiver may ask for a later retry than the table, but not for one beyond this: it must not park us for ever."""


ONLY_ATTEMPT: Final = -1000
"""What `recovered_after` is for a delivery that has one attempt: its number stands beyond the end of any table."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait before each attempt; as many attempts as it has entries."""

    delays: tuple[timedelta, ...]

    def __post_init__(self) -> None:
        if not self.delays or any(delay < timedelta(0) for delay in self.delays):
            message = "A retry table needs at least one delay, and none below zero."
            raise ValueError(message)

    @classmethod
    def from_seconds(cls, seconds: Iterable[float]) -> "RetryPolicy":
        """Return the table of these delays, in seconds, the first attempt's first."""
        return cls(tuple(timedelta(seconds=each) for each in seconds))

    @property
    def attempts(self) -> int:
        """How many attempts there are in all."""
        return len(self.delays)

    def delay_before(self, attempt: int) -> timedelta:
        """Return the delay before the attempt of this 1-based number."""
        return self.delays[attempt - 1]


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more is owed."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again when this much time has passed since the end of the attempt."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Never try again; the reason is a word for logs and alerts."""

    reason: str


Decision: TypeAlias = Done | RetryAfter | GiveUp


def decide(outcome: Outcome, attempt: int, table: RetryPolicy, *, recovered_after: int = 0) -> Decision:
    """Say what follows the attempt of this 1-based number.

    The table decides; a Retry-After of the receiver can only make it later, up to `MAX_RETRY_AFTER`. A 410 ends it.
    The numbers of a recovered delivery's attempts go on, but its table begins anew after the `recovered_after` attempts
    that were made before.
    """
    attempt -= recovered_after
    match outcome:
        case Succeeded():
            return Done()
        case Rejected() if outcome.is_gone:
            return GiveUp("gone")
        case Rejected() | NoResponse() if attempt >= table.attempts:
            return GiveUp("attempts_exhausted")
        case Rejected(retry_after_seconds=float() as asked):
            wanted = min(timedelta(seconds=asked), MAX_RETRY_AFTER)
            return RetryAfter(max(table.delay_before(attempt + 1), wanted))
        case Rejected() | NoResponse():
            return RetryAfter(table.delay_before(attempt + 1))
        case _:
            assert_never(outcome)
