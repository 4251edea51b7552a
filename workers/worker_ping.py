"""Asks all workers whether they are there, beside whoever wants to know: an answer takes as long as one waits for it.

A worker that hangs, or cannot reach the broker, does not answer, while its connections would still look well; and the
question needs neither Flower nor a table that every worker would have to write to.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import structlog
from celery import Celery

from flux_dispatch.domain.operations import Answering

ANSWER_SECONDS: Final = 1.0
"""For how long after the last answer another one is waited for."""

FRESH_SECONDS: Final = 5.0
"""For how long an answer is told before workers are asked anew: so many who look cost no more than one."""

log = structlog.get_logger("flux.workers")


class WorkerPing:
    """Tells at once which workers answered last."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._last: Answering | None = None
        self._asking: asyncio.Task[None] | None = None
        # in monotonic seconds: where the host's clock is set back, an old answer would be told for as long
        self._fresh_until = 0.0

    def __call__(self) -> Answering | None:
        """Return who answered last; where that is a while ago, or nobody was asked yet (None), ask anew."""
        if time.monotonic() >= self._fresh_until and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())
        return self._last

    async def ask(self) -> Answering:
        """Ask, and return who answers: a second after the last one did, at once where the broker is unavailable."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)
        return self._last or Answering(None, datetime.now(UTC))

    async def close(self) -> None:
        """Wait for the question that is under way."""
        if self._asking is not None:
            await self._asking

    async def _ask(self) -> None:
        asked_at, asked = datetime.now(UTC), time.monotonic()
        self._last = Answering(await asyncio.to_thread(self._answers), asked_at)
        self._fresh_until = asked + FRESH_SECONDS

    def _answers(self) -> list[str] | None:
        try:
            with self._app.pool.acquire(block=True, timeout=1) as connection:
                # it tries for ever unless it is told not to
                connection.ensure_connection(max_retries=1, timeout=1)
                answers = self._app.control.ping(timeout=ANSWER_SECONDS, connection=connection)
        except Exception as error:  # noqa: BLE001 - kombu's errors have no common root; any of them is no answer
            log.warning("workers.not_asked", error=f"{type(error).__name__}: {error}")
            return None
        return sorted(name for answer in answers for name in answer)
