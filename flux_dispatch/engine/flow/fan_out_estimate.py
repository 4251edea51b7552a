"""How many deliveries an event will make, judged by the last one of its account and type."""

from collections.abc import Iterable
from typing import Final

from flux_dispatch.domain.event import Event, StoredEvent
from flux_dispatch.domain.ids import AccountId

UNKNOWN: Final = 100
"""What is expected of an account's first event: enough not to be surprised by many of them at once."""

MAX_REMEMBERED: Final = 50_000


class FanOutEstimate:
    """Remembers of each account and type how many webhooks wanted the last event."""

    def __init__(self) -> None:
        self._webhooks: dict[tuple[AccountId, str], int] = {}

    def deliveries_of(self, event: Event) -> int:
        """Return how many deliveries this event is expected to make; at least 1, for the event itself."""
        return max(self._webhooks.get((event.account, event.type), UNKNOWN), 1)

    def note(self, stored: Iterable[StoredEvent | None]) -> None:
        """Learn from what was stored."""
        if len(self._webhooks) > MAX_REMEMBERED:
            self._webhooks.clear()
        for each in stored:
            if each and not each.is_duplicate:
                self._webhooks[each.event.account, each.event.type] = len(each.deliveries)
