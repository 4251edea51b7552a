"""The log of attempts: a line for each while they are few, a count of the rest when they are many."""

import time
from collections import Counter
from typing import Final

import structlog

from flux_dispatch.domain.claim import Claim
from flux_dispatch.domain.outcome import Attempt, Succeeded, to_record

LINES_PER_SECOND: Final = 20
"""More would be read by nobody and cost more than the POSTs; every attempt is in the database anyway."""

log = structlog.get_logger("flux.deliver")


class AttemptLog:
    """Writes what happened, failures and successes each by their own allowance."""

    def __init__(self) -> None:
        self._second = 0
        self._seen = Counter[bool]()

    def note(self, claim: Claim, attempt: Attempt) -> None:
        """Log one attempt, or count it."""
        second = int(time.monotonic())
        if second != self._second:
            self._say_what_was_left_out()
            self._second = second
        is_success = isinstance(attempt.outcome, Succeeded)
        self._seen[is_success] += 1
        if self._seen[is_success] <= LINES_PER_SECOND:
            _write(claim, attempt)

    def _say_what_was_left_out(self) -> None:
        left_out = {word: self._seen[word] - LINES_PER_SECOND for word in (True, False)}
        if any(count > 0 for count in left_out.values()):
            log.info("delivery.attempts_suppressed", succeeded=max(left_out[True], 0), failed=max(left_out[False], 0))
        self._seen.clear()


def _write(claim: Claim, attempt: Attempt) -> None:
    record = to_record(attempt.outcome)
    log.info(
        "delivery.attempted",
        status=record.status,
        error=record.error,
        attempt=attempt.number,
        milliseconds=round(attempt.duration_seconds * 1000, 1),
        delivery=claim.delivery,
        event_id=claim.event,
        webhook=claim.webhook,
    )
