"""Courtesy: how long a heavy account rests between its turns while light ones are served beside it."""

import time
from typing import Final

from flux_dispatch.domain.ids import AccountId

PRESENT_SECONDS: Final = 1.0
"""For so long somebody counts as being there after his last delivery."""

RESTS_PER_TURN: Final = 3.0
RESTS_PER_TURN_OF_RETRIES: Final = 20.0
"""How long a flood rests, in times of the turn before. What is overdue by minutes or hours can wait a little longer."""

LONGEST_REST_SECONDS: Final = 0.04
"""What is claimed must begin well before its lease ends, also on a machine where turns take long."""

COURTESY_SECONDS: Final = 60.0
"""Over so long the rests of a flood shrink to nothing. A burst can wait; but who sends that much always would fall
behind for ever."""


class Courtesy:
    """Knows who is there."""

    def __init__(self) -> None:
        # who came last, and who was it before him: enough to know whether anybody else was there
        self._last: AccountId | None = None
        self._last_at = self._other_at = -PRESENT_SECONDS
        # since when a flood goes on, and when it was there last: the longest ago first
        self._floods: dict[AccountId, tuple[float, float]] = {}

    def note(self, account: AccountId) -> None:
        """Note that a light account has a delivery."""
        if account != self._last:
            self._last, self._other_at = account, self._last_at
        self._last_at = time.monotonic()

    def has_company(self, account: AccountId) -> bool:
        """Say whether somebody else than this account is there."""
        seen_at = self._other_at if account == self._last else self._last_at
        return time.monotonic() - seen_at < PRESENT_SECONDS

    def rest_seconds(self, account: AccountId, tick_seconds: float, *, is_retry: bool) -> float:
        """Return how long the flood of an account rests after a turn that took so long; 0 when nobody else is there."""
        share = 1 - self._age_seconds(account) / COURTESY_SECONDS
        if share <= 0 or not self.has_company(account):
            return 0
        turns = share * (RESTS_PER_TURN_OF_RETRIES if is_retry else RESTS_PER_TURN)
        return min(turns * tick_seconds, LONGEST_REST_SECONDS)

    def _age_seconds(self, account: AccountId) -> float:
        now = time.monotonic()
        while self._floods and now - next(iter(self._floods.values()))[1] >= PRESENT_SECONDS:
            del self._floods[next(iter(self._floods))]
        since, _ = self._floods.pop(account, (now, now))
        self._floods[account] = since, now
        return now - since
