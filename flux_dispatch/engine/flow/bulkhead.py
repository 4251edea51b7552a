"""The bulkhead: one webhook may have so many POSTs in flight in one worker process, and no more."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from flux_dispatch.domain.ids import WebhookId

MAX_WAIT: Final = timedelta(seconds=1)
"""How long a delivery may wait in memory for a place before it is parked in the database."""

AHEAD_SECONDS: Final = 0.5
"""For so long a webhook's places are provided for when parked deliveries are taken up: longer than until the next
look, so that a quick endpoint does not stand idle."""

WEIGHT: Final = 1 / 8
"""Of the last POST in the average time that a place is held: an endpoint that is well again is soon known to be."""


@dataclass(slots=True)
class _Webhook:
    busy: int = 0
    average_hold_seconds: float = 1.0
    waiting: deque[asyncio.Future[bool]] = field(default_factory=deque)


class Bulkhead:
    """Hands out the places of each webhook, first come first served.

    A quick endpoint's deliveries wait here for milliseconds. Where one would have to wait for longer than the patience,
    the webhook is saturated: whoever asks then is rejected at once, to be parked, and the webhook stays so until
    nothing is parked for it any more.

    Args:
        places: how many may be in at once, for each webhook.
        patience: how long one may wait for a place.
    """

    def __init__(self, places: int, patience: timedelta = MAX_WAIT) -> None:
        self._places = places
        self._max_wait_seconds = patience.total_seconds()
        self._webhooks: defaultdict[WebhookId, _Webhook] = defaultdict(_Webhook)
        self._saturated: set[WebhookId] = set()
        self._is_closed = False

    @property
    def saturated(self) -> list[WebhookId]:
        """The webhooks for which nothing more should be claimed."""
        return list(self._saturated)

    async def enter(self, webhook: WebhookId) -> bool:
        """Return True when a place is taken, False when this delivery should be parked."""
        if self._is_closed:
            return False
        state = self._webhooks[webhook]
        if state.busy < self._places:
            state.busy += 1
            return True
        if self._wait_seconds(state) < self._max_wait_seconds and await self._wait(state):
            return True
        self._saturated.add(webhook)
        return False

    def leave(self, webhook: WebhookId, held_seconds: float) -> None:
        """Give a place back, to the next who waits if there is one."""
        state = self._webhooks[webhook]
        state.average_hold_seconds += (held_seconds - state.average_hold_seconds) * WEIGHT
        while state.waiting:
            first = state.waiting.popleft()
            if not first.done():
                first.set_result(True)
                return
        state.busy -= 1
        self._forget_if_idle(webhook)

    def room(self, webhook: WebhookId) -> int:
        """Return how many of a webhook's parked deliveries can be taken up now."""
        state = self._webhooks.get(webhook) or _Webhook()
        coming = self._places / max(state.average_hold_seconds, 0.001) * AHEAD_SECONDS
        return max(self._places + int(coming) - state.busy - len(state.waiting), 0)

    def clear(self, webhook: WebhookId) -> None:
        """Take note that nothing is parked for a webhook any more."""
        self._saturated.discard(webhook)
        self._forget_if_idle(webhook)

    def close(self) -> None:
        """Reject everybody who waits or will come."""
        self._is_closed = True
        for state in self._webhooks.values():
            for each in state.waiting:
                if not each.done():
                    each.set_result(False)

    def _forget_if_idle(self, webhook: WebhookId) -> None:
        state = self._webhooks.get(webhook)
        if state is not None and not state.busy and webhook not in self._saturated:
            del self._webhooks[webhook]

    def _wait_seconds(self, state: _Webhook) -> float:
        """Return how long whoever comes now would wait for a place."""
        return (len(state.waiting) + 1) * state.average_hold_seconds / self._places

    async def _wait(self, state: _Webhook) -> bool:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        state.waiting.append(turn)
        alarm = loop.call_later(self._max_wait_seconds, self._reject, state, turn)
        try:
            return await turn
        finally:
            alarm.cancel()

    def _reject(self, state: _Webhook, turn: asyncio.Future[bool]) -> None:
        """End the waiting for one who has waited for long enough; places are held for longer than was thought."""
        if not turn.done():
            state.waiting.remove(turn)
            state.average_hold_seconds = max(state.average_hold_seconds, self._max_wait_seconds * self._places)
            turn.set_result(False)
