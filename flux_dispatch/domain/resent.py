"""What resending finds of an event, and what becomes of each delivery of it."""

from dataclasses import dataclass

from flux_dispatch.domain.ids import DeliveryId


@dataclass(frozen=True, slots=True)
class Resendable:
    """An event that somebody wants sent again; while it fans out, some webhooks are still to get theirs."""

    type: str
    is_test: bool
    is_fanning_out: bool


@dataclass(frozen=True, slots=True)
class Resent:
    """A delivery that is due now, or, unless `is_due`, being attempted at this moment.

    `attempt` is the 1-based number of its next attempt.
    """

    delivery: DeliveryId
    attempt: int
    is_due: bool
