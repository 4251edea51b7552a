"""The bulkhead: one webhook may have so many POSTs under way in one worker process, and no more."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from flux_dispatch.domain.ids import WebhookId

PATIENCE: Final = timedelta(seconds=1)
"""How long a delivery may wait in memory for its webhook's turn before it goes back to the database."""

SHORTEST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=30)


@dataclass(slots=True)
class _Webhook:
    busy: int = 0
    turned_away: int = 0
    seconds_held: float = 1.0
    is_jammed: bool = False
    waiting: deque[asyncio.Future[bool]] = field(default_factory=deque)


class Bulkhead:
    """Hands out the places of each webhook, first come first served.

    A quick endpoint's deliveries wait here for milliseconds. A webhook whose places all stay taken for
    the patience is jammed: until one comes free, whoever asks is turned away at once.

    Args:
        places: how many may be in at once, for each webhook.
        patience: how long one may wait for a place.
    """

    def __init__(self, places: int, patience: timedelta = PATIENCE) -> None:
        self._places = places
        self._patience = patience
        self._webhooks: defaultdict[WebhookId, _Webhook] = defaultdict(_Webhook)
        self._is_closed = False

    async def enter(self, webhook: WebhookId) -> bool:
        """Return True when a place is taken, False when this delivery should come again after `pause`."""
        if self._is_closed:
            return False
        state = self._webhooks[webhook]
        if state.busy < self._places:
            state.busy += 1
            return True
        if state.is_jammed:
            return False
        return await self._wait(state)

    def leave(self, webhook: WebhookId, held_seconds: float) -> None:
        """Give a place back, to the next who waits if there is one."""
        state = self._webhooks[webhook]
        state.is_jammed = False
        state.seconds_held += (held_seconds - state.seconds_held) / self._places
        while state.waiting:
            first = state.waiting.popleft()
            if not first.done():
                first.set_result(True)
                return
        state.busy -= 1
        state.turned_away = 0
        if state.busy == 0:
            del self._webhooks[webhook]

    def pause(self, webhook: WebhookId) -> timedelta:
        """Return when the delivery that was turned away should come again: about when its turn would be."""
        if self._is_closed:
            return timedelta(0)
        state = self._webhooks[webhook]
        state.turned_away += 1
        turn = timedelta(seconds=state.turned_away * state.seconds_held / self._places)
        return min(max(turn, SHORTEST_PAUSE), LONGEST_PAUSE)

    def close(self) -> None:
        """Turn everybody away who waits or will come."""
        self._is_closed = True
        for state in self._webhooks.values():
            for each in state.waiting:
                if not each.done():
                    each.set_result(False)

    async def _wait(self, state: _Webhook) -> bool:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        state.waiting.append(turn)
        alarm = loop.call_later(self._patience.total_seconds(), _turn_away, state, turn)
        try:
            return await turn
        finally:
            alarm.cancel()


def _turn_away(state: _Webhook, turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        state.is_jammed = True
        turn.set_result(False)
