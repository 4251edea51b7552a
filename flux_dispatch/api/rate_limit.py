"""What a key may ask for in a second: counted before its request is served, and told in the answer's headers."""

import math
from typing import Final

from aiohttp import web

from flux_dispatch.api.auth import API_KEY
from flux_dispatch.api.dependencies import Allowance, Counter, Use
from flux_dispatch.domain.api_key import ApiKey, Scope
from flux_dispatch.domain.errors import RateLimited


class RateLimit:
    """Holds keys to their limits; those without are never counted.

    What is left may be less than a request takes: it is served, and the next one waits for longer. So a batch that is
    larger than the limit goes through, and the average holds.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    async def check(self, request: web.Request, scope: Scope) -> None:
        """Count a request, and one event if it may publish any.

        Raises:
            RateLimited: the key has asked for as much as it may.
        """
        limits = request[API_KEY].limits
        uses = []
        if limits.requests_per_second is not None:
            uses.append(Use("requests", limits.requests_per_second, 1))
        if limits.events_per_second is not None and scope is Scope.EVENTS_WRITE:
            uses.append(Use("events", limits.events_per_second, 1))
        await self._take(request, request[API_KEY], uses)

    async def count_events(self, request: web.Request, more: int) -> None:
        """Count the events of a request beyond its first, where its body has shown how many there are.

        Raises:
            RateLimited: the key has asked for as much as it may.
        """
        most = request[API_KEY].limits.events_per_second
        if most is not None and more > 0:
            await self._take(request, request[API_KEY], [Use("events", most, more, taken=1)])

    async def _take(self, request: web.Request, key: ApiKey, uses: list[Use]) -> None:
        if not uses or not (allowances := await self._counter.take(key.id, uses)):
            return
        stand = request[_STAND] = request.get(_STAND, {}) | {each.use.name: each for each in allowances}
        tightest = max(stand.values(), key=lambda each: (each.retry_seconds, -each.remaining))
        request[HEADERS] = {
            "RateLimit-Limit": str(tightest.use.per_second),
            "RateLimit-Remaining": str(tightest.remaining),
            "RateLimit-Reset": str(math.ceil(tightest.full_seconds)),
        }
        if tightest.retry_seconds > 0:
            message = f"This API key may ask for {tightest.use.per_second} {tightest.use.name} a second. "
            raise RateLimited(message + "Wait as long as Retry-After says.", tightest.retry_seconds)


HEADERS: Final = web.RequestKey("rate_limit_headers", dict[str, str])
"""What the answer says of the limits of its key; none where it has none."""

_STAND: Final = web.RequestKey("rate_limits", dict[str, Allowance])

RATE_LIMIT: Final = web.AppKey("rate_limit", RateLimit)
"""Where a handler finds it, that reads from its body how many events it counts for: `request.app[RATE_LIMIT]`."""
