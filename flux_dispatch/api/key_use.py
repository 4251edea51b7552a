"""When a key was last used: written beside the requests, that none of them waits for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from flux_dispatch.domain.api_key import ApiKey
from flux_dispatch.domain.errors import Unavailable
from flux_dispatch.domain.ids import ApiKeyId

MINUTE_SECONDS: Final = 60.0
MAX_NOTED: Final = 10_000


class KeyUse:
    """Writes that keys are in use, each at most once a minute.

    Args:
        write: writes it of one key; what it cannot write is written when the key is looked up again.
    """

    def __init__(self, write: Callable[[ApiKeyId], Awaitable[None]]) -> None:
        self._write = write
        self._again_at: dict[ApiKeyId, float] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, key: ApiKey) -> None:
        """Have it written that the key is in use, and return at once."""
        now = time.monotonic()
        if self._again_at.get(key.id, 0.0) > now:
            return
        if len(self._again_at) >= MAX_NOTED:
            self._again_at.clear()
        self._again_at[key.id] = now + MINUTE_SECONDS
        task = asyncio.create_task(self._try_to_write(key.id))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _try_to_write(self, key_id: ApiKeyId) -> None:
        try:
            await self._write(key_id)
        except Unavailable:
            self._again_at.pop(key_id, None)
