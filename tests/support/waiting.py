"""Waiting for a condition with a deadline: the only place where tests let time pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")

_STEP_SECONDS = 0.02


def eventually(probe: Callable[[], Value], what: str, seconds: float = 20) -> Value:
    """Return the first truthy answer of the probe; fail, saying what was awaited, at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < deadline, f"within {seconds} s: {what}"
        time.sleep(_STEP_SECONDS)
    return value


async def eventually_async(probe: Callable[[], Awaitable[Value]], what: str, seconds: float = 20) -> Value:
    """Return the first truthy answer of an async probe; fail, saying what was awaited, at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := await probe()):
        assert time.monotonic() < deadline, f"within {seconds} s: {what}"
        await asyncio.sleep(_STEP_SECONDS)
    return value


async def let_others_run(turns: int = 1) -> None:
    """Give the other tasks of this loop their turn; no time passes."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def pause(seconds: float) -> None:
    """Take time, as a receiver does that has work to do."""
    await asyncio.sleep(seconds)


def wait_seconds(seconds: float) -> None:
    """Let an outage last: where the passing of time is the fault itself."""
    time.sleep(seconds)
