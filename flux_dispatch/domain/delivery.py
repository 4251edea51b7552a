"""The life of a delivery as one literal table: which move leads from which state to which.

* A delivery is in exactly one state, and leaves it only by a move that stands in the table.
* A move that does not stand there raises and changes nothing.
* Statements that move rows take their `WHERE state IN (…)` from this table, so SQL cannot disagree with it.
* The diagram in docs/architecture.md is drawn from it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from flux_dispatch.domain.errors import IllegalTransition


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    """Stored with its event and never tried. Publishing puts it here, a claim takes it out: milliseconds, or as long as
    the queue before it."""

    SENDING = "sending"
    """Leased by one worker, which is about to POST or waits for the answer. A claim puts it here, its settlement takes
    it out; if the worker dies the sweeper does, when the lease has run out."""

    SCHEDULED = "scheduled"
    """Waits for its due time: after a failed attempt (the retry table says how long), or given back unsent (moments).
    A settlement or the sweeper puts it here, a claim takes it out."""

    EXHAUSTED = "exhausted"
    """Its last attempt failed and the final-failure task has not run yet. A settlement puts it here, fail takes it out:
    milliseconds, or until the sweeper enqueues it again."""

    DELIVERED = "delivered"
    """The receiver answered 2xx. Final."""

    FAILED = "failed"
    """Given up; its event is marked failed and an alert is stored. Final, but for an explicit recovery."""

    CANCELED = "canceled"
    """Its webhook was deleted or disabled before it could be delivered. Final, but for an explicit recovery."""


class Transition(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"
    SUCCEED = "succeed"
    RETRY = "retry"
    EXHAUST = "exhaust"
    RELEASE = "release"
    FAIL = "fail"
    CANCEL = "cancel"
    RECOVER = "recover"


TRANSITIONS: Final[Mapping[tuple[State, Transition], State]] = MappingProxyType(
    {
        (State.PENDING, Transition.CLAIM): State.SENDING,
        (State.PENDING, Transition.CANCEL): State.CANCELED,
        (State.SENDING, Transition.SUCCEED): State.DELIVERED,
        (State.SENDING, Transition.RETRY): State.SCHEDULED,
        (State.SENDING, Transition.EXHAUST): State.EXHAUSTED,
        (State.SENDING, Transition.RELEASE): State.SCHEDULED,
        (State.SCHEDULED, Transition.CLAIM): State.SENDING,
        (State.SCHEDULED, Transition.CANCEL): State.CANCELED,
        (State.EXHAUSTED, Transition.FAIL): State.FAILED,
        (State.FAILED, Transition.RECOVER): State.SCHEDULED,
        (State.CANCELED, Transition.RECOVER): State.SCHEDULED,
    }
)

OPEN: Final = frozenset({State.PENDING, State.SENDING, State.SCHEDULED, State.EXHAUSTED})
"""The states in which something is still owed."""


def next_state(state: State, by: Transition) -> State:
    """Return the state that the transition leads to.

    Raises:
        IllegalTransition: the table does not allow it.
    """
    try:
        return TRANSITIONS[state, by]
    except KeyError:
        message = f"A {state} delivery cannot {by}."
        raise IllegalTransition(message) from None


def sources(by: Transition) -> list[str]:
    """Return the states that a transition may start from, in the order of the table."""
    return [state.value for state, each in TRANSITIONS if each is by]


def target(by: Transition) -> State:
    """Return where a transition leads; each leads to one state, whichever it starts from."""
    (only,) = {state for (_, each), state in TRANSITIONS.items() if each is by}
    return only
