"""What the API counts of its requests: how many, by route and answer, and how long they took."""

from collections import Counter
from http import HTTPMethod
from typing import Final

from aiohttp import web

from flux_dispatch.engine.flow.meter import Histogram

BOUNDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

UNMATCHED: Final = "unmatched"
"""The route of a request that has none: whatever strangers ask for, it is one series."""

OTHER: Final = "other"
"""The method of a request with a word of its own."""

_METHODS: Final = frozenset(HTTPMethod)


class RequestMeter:
    """Counts requests.

    Attributes:
        in_flight: how many are being served.
        counts: how many were answered, by route, method and class of the status, like `2xx`.
        durations: how long they took, by route and method; pages that stay open are left out.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.counts = Counter[tuple[str, str, str]]()
        self.durations: dict[tuple[str, str], Histogram] = {}

    def begin(self) -> None:
        """Count one that has come."""
        self.in_flight += 1

    def end(self, request: web.Request, response: web.StreamResponse | None, seconds: float) -> None:
        """Count the end of one: how it was answered, if it was."""
        self.in_flight -= 1
        if response is None:
            return
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else UNMATCHED
        method = request.method if request.method in _METHODS else OTHER
        self.counts[route, method, f"{response.status // 100}xx"] += 1
        if not response.prepared:
            histogram = self.durations.get((route, method))
            if histogram is None:
                histogram = self.durations[route, method] = Histogram(BOUNDS)
            histogram.add(seconds)


REQUEST_METER: Final = web.AppKey("request_meter", RequestMeter)
"""Where it is found: `app[REQUEST_METER]`."""
