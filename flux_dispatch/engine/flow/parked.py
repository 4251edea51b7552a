"""Parked: what is due for a webhook that has no place free waits in the database, and is taken up as places come free.

A webhook that hangs has very much waiting and little in flight. To claim each delivery, find no place and give it back
would cost the database thousands of writes for each POST; parked, it costs one.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

from flux_dispatch.domain.claim import ClaimedBatch, ParkedWebhook
from flux_dispatch.domain.ids import Prefix, WebhookId, format_id
from flux_dispatch.engine.flow.bulkhead import Bulkhead
from flux_dispatch.engine.flow.claimer import Capacity, StartAttempt
from flux_dispatch.engine.flow.lease_clock import LeaseClock
from flux_dispatch.engine.flow.message_progress import MessageProgress

MAX_WEBHOOKS: Final = 200
"""How many webhooks one sweep goes through."""

MAX_UNPARKED: Final = 1000
CLAIM_BATCH_SIZE: Final = 400

_FIRST: Final = cast(WebhookId, format_id(Prefix.WEBHOOK, "0" * 32))


class Deliveries(Protocol):
    """What this needs of the store."""

    async def parked_webhooks(self, after: WebhookId, limit: int) -> list[ParkedWebhook]:
        """Return up to `limit` webhooks for which deliveries are parked, in the order of their ids."""
        ...

    async def claim_parked(self, places: Mapping[WebhookId, int]) -> ClaimedBatch | None:
        """Lease up to so many of the deliveries that are parked for each webhook, the longest due first."""
        ...

    async def unpark(self, webhooks: Sequence[WebhookId], limit: int) -> None:
        """Have the sweeper take up to `limit` of the deliveries that are parked for these webhooks."""
        ...


class Parked:
    """Takes parked deliveries up.

    Args:
        deliveries: the store.
        bulkhead: knows how many places a webhook has here.
        capacity: says how many more of an account can begin.
        begin: takes each delivery that is claimed.
    """

    def __init__(self, deliveries: Deliveries, bulkhead: Bulkhead, capacity: Capacity, begin: StartAttempt) -> None:
        self._deliveries = deliveries
        self._bulkhead = bulkhead
        self._capacity = capacity
        self._begin = begin
        self._after = _FIRST

    async def take_up(self) -> None:
        """Begin as many parked deliveries as their webhooks have places for in this worker.

        Raises:
            Unavailable: the database is unavailable.
        """
        webhooks = await self._deliveries.parked_webhooks(self._after, MAX_WEBHOOKS)
        self._after = webhooks[-1].webhook if len(webhooks) == MAX_WEBHOOKS else _FIRST
        if disabled := [each.webhook for each in webhooks if not each.is_enabled]:
            await self._deliveries.unpark(disabled, MAX_UNPARKED)
        if places := self._places([each for each in webhooks if each.is_enabled]):
            await self._claim(places)

    def clear(self) -> None:
        """Take note that nothing at all is parked."""
        for webhook in self._bulkhead.saturated:
            self._bulkhead.clear(webhook)

    def _places(self, webhooks: Sequence[ParkedWebhook]) -> dict[WebhookId, int]:
        places: dict[WebhookId, int] = {}
        left = CLAIM_BATCH_SIZE
        for each in webhooks:
            room = min(self._bulkhead.room(each.webhook), left)
            if room and (room := min(room, self._capacity(each.account, is_retry=True, is_heavy=True))) > 0:
                places[each.webhook] = room
                left -= room
        return places

    async def _claim(self, places: Mapping[WebhookId, int]) -> None:
        asked = time.monotonic()
        lease = await self._deliveries.claim_parked(places)
        claims = lease.claims if lease else ()
        taken = Counter(claim.webhook for claim in claims)
        for webhook, count in places.items():
            if taken[webhook] < count:
                self._bulkhead.clear(webhook)
        if lease is None:
            return
        clock, progress = LeaseClock(lease, asked), MessageProgress(len(claims))
        for claim in claims:
            progress.begin()
            self._begin(claim, clock, progress, is_heavy=True)
