"""What a process of the API does again and again beside its requests, for as long as it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import structlog

from flux_dispatch.domain.errors import Unavailable

Step = Callable[[], Awaitable[float]]
"""Does something, and returns after how many seconds to do it again."""

UNAVAILABLE_SECONDS: Final = 5.0
"""When to come again to a database that was unavailable, or after whatever went wrong."""

log = structlog.get_logger("flux.api")


class Repeated:
    """Runs steps, each in a task of its own; the block's end waits for the step that is under way."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._repeat(step)) for step in self._steps]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def _repeat(self, step: Step) -> None:
        while not self._stopping.is_set():
            try:
                seconds = await step()
            except Unavailable:
                seconds = UNAVAILABLE_SECONDS
            except Exception:
                # whatever it was, it is tried again: nobody else may be there to do it
                log.exception("repeated.failed")
                seconds = UNAVAILABLE_SECONDS
            try:
                await asyncio.wait_for(self._stopping.wait(), seconds)
            except TimeoutError:
                continue
