"""The parts of an attempt, one after the other: where its time went, and in which of them it ended."""

from enum import StrEnum
from typing import NamedTuple


class Phase(StrEnum):
    """What an attempt waits for, in the order in which it does."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    WAIT = "wait"
    READ = "read"


class Phases(NamedTuple):
    """How long each part of an attempt took, in seconds; None for one that did not take place.

    A connection that was used before has neither `dns` nor `connect` nor `tls`, and one without TLS no `tls`. `wait` is
    from the first byte of the POST to the first byte of the answer, `read` from there to the end. Where an attempt
    ended early, the last part counts until its end.
    """

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    wait: float | None = None
    read: float | None = None

    @property
    def last(self) -> Phase | None:
        """The part in which the attempt ended; None if none is known."""
        return next((phase for phase in reversed(Phase) if getattr(self, phase) is not None), None)


NO_PHASES = Phases()
"""Of an attempt of which nothing was measured."""
