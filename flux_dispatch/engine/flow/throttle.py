"""The throttle: how long a heavy account waits between its ticks while light accounts are active beside it."""

import time
from typing import Final

from flux_dispatch.domain.ids import AccountId

ACTIVE_WINDOW_SECONDS: Final = 1.0
"""For so long after its last delivery a light account counts as active."""

DELAY_PER_TICK: Final = 3.0
"""How long a heavy account waits after a tick, as a multiple of what the tick took."""

DELAY_PER_TICK_OF_RETRIES: Final = 20.0
"""The same for its retries: what is overdue by minutes or hours can wait a little longer."""

MAX_DELAY_SECONDS: Final = 0.04
"""What is claimed must begin well before its lease ends, also on a machine where ticks take long."""

DECAY_SECONDS: Final = 60.0
"""Over so long the delays of one account shrink to nothing. A burst can wait; but an account that sends that much all
the time would fall behind for ever."""


class Throttle:
    """Knows which accounts were active last, and since when each heavy one has been."""

    def __init__(self) -> None:
        # the light account that was active last, and when another one was: enough to tell whether any other is
        self._last: AccountId | None = None
        self._last_at = self._other_at = -ACTIVE_WINDOW_SECONDS
        # since when a heavy account has had work without a pause, and when it had some last; the longest ago first
        self._heavy: dict[AccountId, tuple[float, float]] = {}

    def record_activity(self, account: AccountId) -> None:
        """Note that a light account has a delivery."""
        if account != self._last:
            self._last, self._other_at = account, self._last_at
        self._last_at = time.monotonic()

    def others_active(self, account: AccountId) -> bool:
        """Say whether a light account other than this one is active."""
        seen_at = self._other_at if account == self._last else self._last_at
        return time.monotonic() - seen_at < ACTIVE_WINDOW_SECONDS

    def delay_seconds(self, account: AccountId, tick_seconds: float, *, is_retry: bool) -> float:
        """Return how long a heavy account waits after a tick that took so long; 0 when no other is active."""
        share = 1 - self._heavy_for_seconds(account) / DECAY_SECONDS
        if share <= 0 or not self.others_active(account):
            return 0
        factor = share * (DELAY_PER_TICK_OF_RETRIES if is_retry else DELAY_PER_TICK)
        return min(factor * tick_seconds, MAX_DELAY_SECONDS)

    def _heavy_for_seconds(self, account: AccountId) -> float:
        now = time.monotonic()
        while self._heavy and now - next(iter(self._heavy.values()))[1] >= ACTIVE_WINDOW_SECONDS:
            del self._heavy[next(iter(self._heavy))]
        since, _ = self._heavy.pop(account, (now, now))
        self._heavy[account] = since, now
        return now - since
