"""Opens what a process traces with; OpenTelemetry is imported here, and only where tracing is on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.settings import Settings
from workers.tracing.environment import is_wanted
from workers.tracing.traces import Traces, Untraced


@asynccontextmanager
async def open_traces(settings: Settings, process: str) -> AsyncIterator[Traces]:
    """Open what a process of this name traces with; at the end, what was recorded last is sent in bounded time."""
    if not is_wanted(settings):
        yield Untraced()
        return
    from workers.tracing.traced import open_traced

    async with open_traced(settings, process) as traced:
        yield traced
