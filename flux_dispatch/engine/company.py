"""Company: whether an account that has very much is served beside others, who come a few at a time."""

import time
from typing import Final

from flux_dispatch.domain.ids import AccountId

COMPANY_SECONDS: Final = 1.0
"""For so long somebody counts as being there after his last delivery."""


class Company:
    """Remembers who was there last, and who was it before him: that is enough to know whether anyone else was."""

    def __init__(self) -> None:
        self._last: AccountId | None = None
        self._last_at = self._other_at = -COMPANY_SECONDS

    def note(self, account: AccountId) -> None:
        """Note that an account has a delivery that came by itself or with a few."""
        if account != self._last:
            self._last, self._other_at = account, self._last_at
        self._last_at = time.monotonic()

    def is_beside(self, account: AccountId) -> bool:
        """Say whether somebody else than this account was there just now."""
        seen_at = self._other_at if account == self._last else self._last_at
        return time.monotonic() - seen_at < COMPANY_SECONDS
