"""How `flux listen` is told to stop: a signal asks for it, a second one insists."""

import asyncio
import os
import signal
import time
from typing import Final

from flux_dispatch.cli.signals import signals_to_heed

DEBOUNCE_SECONDS: Final = 0.2
"""A second Ctrl-C sooner than this is still the first: npm and make hand on what the terminal has sent already."""

AT_ONCE_STATUS: Final = 130
"""128 and the number of SIGINT, as shells say it."""


class Stopping:
    """Heeds Ctrl-C, SIGTERM and a closed terminal from now on; made where an event loop runs."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._told_at = 0.0
        loop = asyncio.get_running_loop()
        for each in signals_to_heed(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(each, self._heed)

    @property
    def is_asked_for(self) -> bool:
        """Whether a signal has come."""
        return self._told.is_set()

    async def wait(self) -> None:
        """Return when a signal has come."""
        await self._told.wait()

    def _heed(self) -> None:
        now = time.monotonic()
        if not self._told.is_set():
            self._told_at = now
            self._told.set()
        elif now - self._told_at > DEBOUNCE_SECONDS:
            # nothing is waited for any more, not even a thread that looks up a name
            os._exit(AT_ONCE_STATUS)
