"""What is told of an API process: its requests, and whether it can use its database and its broker."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sized
from typing import Final

from flux_dispatch.api.request_meter import RequestMeter
from workers.metrics.exporter import Measured, Source

WAIT_SECONDS: Final = 3.0
"""After so long without an answer something counts as unavailable."""


def of_requests(meter: RequestMeter) -> Source:
    """Tell of requests."""

    def tell() -> Iterable[Measured]:
        yield Measured("flux_api_requests_in_flight", meter.in_flight)
        for labels, count in meter.counts.copy().items():
            yield Measured("flux_api_requests_total", count, labels)
        for of_route, histogram in meter.durations.copy().items():
            yield Measured("flux_api_request_duration_seconds", histogram, of_route)

    return tell


def of_tunnel(connections: Sized) -> Source:
    """Tell how many commands are connected."""
    return lambda: [Measured("flux_tunnel_connections", len(connections))]


class Reach:
    """Tells whether this process can use what it needs, as it was when it was last asked.

    Args:
        checks: by the name of a metric, says whether something can be used; it may take its time.
    """

    def __init__(self, checks: Mapping[str, Callable[[], Awaitable[bool]]]) -> None:
        self._checks = checks
        self._is_up: dict[str, bool] = {}

    def __call__(self) -> Iterable[Measured]:
        """Tell it."""
        return [Measured(name, int(is_up)) for name, is_up in self._is_up.copy().items()]

    async def refresh(self) -> None:
        """Ask all of them."""
        answers = await asyncio.gather(*(_in_time(check()) for check in self._checks.values()))
        self._is_up = dict(zip(self._checks, answers, strict=True))


async def _in_time(check: Awaitable[bool]) -> bool:
    try:
        return await asyncio.wait_for(check, WAIT_SECONDS)
    except TimeoutError:
        return False
