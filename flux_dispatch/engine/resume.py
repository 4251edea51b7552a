"""Resume: when a command connects, what could not reach it before is attempted at once."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import structlog

from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import AccountId, DeliveryId, WebhookId
from flux_dispatch.engine.flow.due import Queue, enqueue_due

RESUME_BATCH_SIZE: Final = 200

AFTER_SECONDS: Final = (0.0, 2.0, 6.0, 20.0)
"""How long after the connection to look: an attempt that began before it may still be on its way to fail, for as long
as one may take."""

log = structlog.get_logger("flux.resume")


class Deliveries(Protocol):
    """What resuming needs of the store."""

    async def resume(
        self, account: AccountId, webhook: WebhookId, before: datetime, *, limit: int
    ) -> list[tuple[DeliveryId, int]]:
        """Have up to `limit` deliveries due whose last attempt began before this time and did not get through."""
        ...


class Resume:
    """Has attempted again what did not get through.

    Args:
        deliveries: the store.
        queue: told of what is due.
        after_seconds: when to look, from the connection on.
    """

    def __init__(self, deliveries: Deliveries, queue: Queue, after_seconds: Sequence[float] = AFTER_SECONDS) -> None:
        self._deliveries = deliveries
        self._queue = queue
        self._after_seconds = after_seconds

    async def __call__(self, account: AccountId, webhook: WebhookId, connected_at: datetime) -> None:
        """Return when it has looked for the last time; to be canceled when the command is gone again."""
        passed = 0.0
        for seconds in self._after_seconds:
            await asyncio.sleep(seconds - passed)
            passed = seconds
            try:
                await self.once(account, webhook, connected_at)
            except Unavailable as error:
                log.warning("resume.database_unavailable", cause=error.cause, consequence="it is tried again")

    async def once(self, account: AccountId, webhook: WebhookId, connected_at: datetime) -> int:
        """Look once; return how many are due now.

        Raises:
            Unavailable: the database is unavailable.
        """
        count = 0
        while moved := await self._deliveries.resume(account, webhook, connected_at, limit=RESUME_BATCH_SIZE):
            count += len(moved)
            enqueue_due(self._queue, account, moved)
        if count:
            log.info("deliveries.resumed", webhook=webhook, count=count)
        return count
