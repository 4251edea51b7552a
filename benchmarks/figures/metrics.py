"""What metrics cost, of the CPU of what they measure: counting, which is always done, and being scraped."""

import asyncio
import time
import timeit
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import httpx
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment
from benchmarks.figures.drain import drain
from benchmarks.figures.end_to_end import publish_and_settle
from flux_dispatch.api.request_meter import RequestMeter
from flux_dispatch.cli.embedded import free_port
from flux_dispatch.domain.claim import Claim, ClaimedBatch
from flux_dispatch.domain.ids import AccountId, DeliveryId, EventId, Prefix, WebhookId, new_id
from flux_dispatch.domain.outcome import Attempt, Succeeded
from flux_dispatch.engine.flow.lease_clock import LeaseClock
from flux_dispatch.engine.flow.meter import AttemptMeter

SCRAPE_SECONDS: Final = 5
"""Three times as often as Prometheus does by itself."""

_COUNTED: Final = 100_000


def measure(bench: Bench) -> dict[str, Any]:
    """Return in each round what counting takes, what is counted takes, and the cores that scraping takes.

    Scraping is the difference between an installation that serves its metrics and one that does not, both without
    work: beside work it would be lost in the noise.
    """
    rounds = []
    for _ in range(bench.sizes.rounds):
        unscraped, scraped = _cores(bench, is_scraped=False), _cores(bench, is_scraped=True)
        rounds.append(
            {
                "attempt_counted_microseconds": round(_counting_an_attempt(), 2),
                "request_counted_microseconds": round(asyncio.run(_counting_a_request()), 2),
                "delivery_microseconds": sum(drain(bench, workers=1).cost.values()),
                "event_microseconds": sum(publish_and_settle(bench)["cpu_microseconds_per_event"].values()),
                "cores": {"unscraped": unscraped, "scraped": scraped},
            }
        )
    return {"scrape_seconds": SCRAPE_SECONDS, "rounds": rounds}


def _cores(bench: Bench, *, is_scraped: bool) -> float:
    """Return how many cores an API and a worker without work keep busy, with their servers."""
    ports = [free_port(), free_port()] if is_scraped else []
    settings = [{"FLUX_METRICS_PORT": str(port)} for port in ports] or [{}, {}]
    with bench.environment() as environment, httpx.Client() as client:
        environment.start_api(**settings[0])
        environment.start_workers(1, **settings[1])
        pages = [f"http://127.0.0.1:{port}/metrics" for port in ports]
        _let_pass(environment, client, pages, bench.sizes.scraped_seconds / 3)
        before, began = environment.cpu(), time.monotonic()
        _let_pass(environment, client, pages, bench.sizes.scraped_seconds)
        used = sum((environment.cpu() - before).values())
        return round(used / (time.monotonic() - began), 5)


def _let_pass(environment: BenchEnvironment, client: httpx.Client, pages: list[str], seconds: float) -> None:
    began = time.monotonic()
    scrapes = 0

    def is_over() -> bool:
        nonlocal scrapes
        passed = time.monotonic() - began
        if passed >= scrapes * SCRAPE_SECONDS:
            scrapes += 1
            for page in pages:
                client.get(page).raise_for_status()
        return passed >= seconds

    environment.wait(is_over, "time passes")


def _counting_an_attempt() -> float:
    meter = AttemptMeter()
    delivery = DeliveryId(new_id(Prefix.DELIVERY, int(time.time() * 1000)))
    claim = Claim(delivery, EventId("evt"), WebhookId("wh"), AccountId("acct"), "", 1, 0.0, "", (), {}, b"")
    now = time.monotonic()
    clock = LeaseClock(ClaimedBatch(datetime.now(UTC), 25, ()), now)
    attempt = Attempt(1, 0.01, Succeeded(HTTPStatus.OK))
    return _microseconds(lambda: meter.add(claim, clock, now, attempt))


async def _counting_a_request() -> float:
    """Return the microseconds for a request that has come through a router."""
    meter, took = RequestMeter(), 0.0

    async def handle(request: web.Request) -> web.Response:
        nonlocal took

        def count() -> None:
            meter.begin()
            meter.end(request, response, 0.001)

        response = web.Response()
        took = _microseconds(count)
        return response

    app = web.Application()
    app.router.add_post("/v1/events", handle)
    async with TestClient(TestServer(app)) as client:
        await client.post("/v1/events")
    return took


def _microseconds(work: Any) -> float:  # noqa: ANN401 - as timeit has it
    """Return what one call takes: the quickest of five runs, for whatever came between made it slower."""
    return min(timeit.repeat(work, number=_COUNTED, repeat=5)) / _COUNTED * 1e6
