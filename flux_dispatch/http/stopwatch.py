"""The stopwatch of one POST: marks that say afterwards how long each of its phases took."""

from time import perf_counter
from typing import Final

from flux_dispatch.domain.phases import NO_PHASES, Phases

LONG_READ_SECONDS: Final = 0.01
"""From here on it is worth a note that an answer took its time to come in."""

_NOT_YET: Final = 0.0


class Stopwatch:
    """Runs from when it is made; whoever ends a phase sets its mark.

    A mark is 0 until its phase is over. `has_dialled` says that a connection of its own was asked for, not one that
    was there; `is_tls` that it is one with TLS.
    """

    __slots__ = (
        "answered_at",
        "connected_at",
        "has_dialled",
        "is_tls",
        "resolved_at",
        "secured_at",
        "sent_at",
        "started_at",
    )

    def __init__(self) -> None:
        self.started_at = perf_counter()
        self.resolved_at = self.connected_at = self.secured_at = self.sent_at = self.answered_at = _NOT_YET
        self.has_dialled = self.is_tls = False

    def phases_of_success(self) -> Phases:
        """Return what took how long up to now; nothing for what was a wait and hardly anything else, as most are."""
        if self.has_dialled or perf_counter() - self.answered_at >= LONG_READ_SECONDS:
            return self.phases()
        return NO_PHASES

    def phases(self) -> Phases:
        """Return what took how long up to now."""
        now = perf_counter()
        dns = connect = tls = wait = read = None
        if self.has_dialled:
            dns = (self.resolved_at or now) - self.started_at
            if self.resolved_at:
                connect = (self.connected_at or now) - self.resolved_at
            if self.connected_at and self.is_tls:
                tls = (self.secured_at or now) - self.connected_at
        if self.sent_at:
            wait = (self.answered_at or now) - self.sent_at
            if self.answered_at:
                read = now - self.answered_at
        return Phases(dns, connect, tls, wait, read)
