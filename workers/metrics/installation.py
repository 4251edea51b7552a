"""What is told of the whole installation: measured by one process at a time, and read by the others out of Redis."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from workers.metrics.catalogue import OF_INSTALLATION
from workers.metrics.exporter import Measured

FRESH_SECONDS: Final = 10.0
"""So old a snapshot is told before anybody measures anew: however many processes are scraped, and however often, the
database is asked for one."""

STALE_SECONDS: Final = 60.0
"""An older figure is not told any more: none is better than one of an hour ago."""

UNSHARED_SECONDS: Final = 30.0
"""How often a process measures for itself while Redis is unavailable."""

WAIT_SECONDS: Final = 3.0
"""How long a scrape waits for a new snapshot; if that takes longer, it tells the last one."""

SNAPSHOT_KEY: Final = "flux.metrics.snapshot"
CLAIM_KEY: Final = "flux.metrics.measuring"
"""Whoever sets it measures, and no other while it holds."""

_KNOWN: Final = {each.name: each for each in OF_INSTALLATION}

log = structlog.get_logger("flux.metrics")


class _Figure(NamedTuple):
    """What was measured, and at which monotonic second."""

    at: float
    measured: Measured


class Installation:
    """Tells what was measured of the whole installation last, by whichever process.

    What cannot be measured for the moment is told as it was, until it is too old; the other figures are told as ever.

    Args:
        measure: measures what it can.
        redis: where processes share it.
        now: monotonic seconds.
    """

    def __init__(
        self,
        measure: Callable[[], Awaitable[Sequence[Measured]]],
        redis: "Redis",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._measure = measure
        self._redis = redis
        self._now = now
        self._figures: Sequence[_Figure] = ()
        self._measured_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    def __call__(self) -> Iterable[Measured]:
        """Tell the figures that are not too old, and how old the oldest of them is."""
        figures, now = self._told(), self._now()
        yield from (each.measured for each in figures)
        if figures:
            age = now - min(each.at for each in figures)
            yield Measured("flux_snapshot_age_seconds", round(max(age, 0.0), 3))

    async def refresh(self) -> None:
        """Return when the snapshot is fresh, or when that takes too long."""
        if self._age() <= FRESH_SECONDS:
            return
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.wait({self._refreshing}, timeout=WAIT_SECONDS)

    async def close(self) -> None:
        """Give up what is under way."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing

    def _age(self) -> float:
        return self._now() - self._measured_at

    def _told(self) -> list[_Figure]:
        now = self._now()
        return [each for each in self._figures if now - each.at <= STALE_SECONDS]

    async def _refresh(self) -> None:
        try:
            if await self._is_mine_to_measure():
                began = self._now()
                if measured := await self._measure():
                    self._measured_at = began
                    self._take(_Figure(began, each) for each in measured)
                    await self._share()
        except Exception:
            log.exception("metrics.failed", consequence="the figures of the whole installation are old, or left out")

    def _take(self, figures: Iterable[_Figure]) -> None:
        """Take in what is new, beside what could not be measured again."""
        new = list(figures)
        known = {each.measured.name for each in new}
        self._figures = [*new, *(each for each in self._told() if each.measured.name not in known)]

    async def _is_mine_to_measure(self) -> bool:
        """Take what another process has measured, and say whether there is need, and nobody else, to do so."""
        try:
            text, left_ms = await self._redis.get(SNAPSHOT_KEY), await self._redis.pttl(SNAPSHOT_KEY)
            if text is not None and left_ms > 0:
                age = STALE_SECONDS - left_ms / 1000
                if age < self._age():
                    self._measured_at = self._now() - age
                    self._take(_read(text, self._measured_at))
                if age <= FRESH_SECONDS:
                    return False
            return bool(await self._redis.set(CLAIM_KEY, "1", nx=True, px=int(FRESH_SECONDS * 1000)))
        except (RedisError, OSError):
            return self._age() > UNSHARED_SECONDS

    async def _share(self) -> None:
        now = self._now()
        text = json.dumps([[*each.measured, now - each.at] for each in self._told()])
        with suppress(RedisError, OSError):
            await self._redis.set(SNAPSHOT_KEY, text, px=int(STALE_SECONDS * 1000))


def _read(text: Any, shared_at: float) -> list[_Figure]:  # noqa: ANN401 - bytes, or text, as the client decodes
    """Return what another process wrote, without what this release does not know; nothing of what is not ours."""
    try:
        return [
            _Figure(shared_at - float(age), Measured(name, float(value), tuple(map(str, labels))))
            for name, value, labels, age in json.loads(text)
            if name in _KNOWN and len(labels) == len(_KNOWN[name].labels)
        ]
    except (ValueError, TypeError):
        return []
