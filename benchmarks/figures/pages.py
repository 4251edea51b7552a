"""How long the server takes for each page of the dashboard where an account has very many deliveries."""

import time
from statistics import median
from typing import Any, Final

import httpx

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment
from benchmarks.seed import endpoints, finish, subscribe
from flux_dispatch.domain.ids import AccountId
from flux_dispatch.domain.statistics import LATENCY_BOUNDS
from flux_dispatch.store.api_keys import ApiKeyStore

LOOKS: Final = 10
"""How often each page is asked for in a round, after a few times that do not count."""

_WARM_UP: Final = 3

# thirty days of five minutes each, of every webhook
_STATISTICS: Final = f"""
    INSERT INTO webhook_statistics (webhook_id, bucket, attempts, delivered, given_up, latencies)
    SELECT webhooks.id, bucket, 10, 9, 0, array_fill(1, ARRAY[{len(LATENCY_BOUNDS) + 1}])
    FROM webhooks, generate_series(
        date_bin('5 minutes', now() - interval '30 days', '2000-01-01'), now(), '5 minutes'
    ) AS bucket
"""  # noqa: S608 - only a number of our own is written into it
_ONE: Final = "SELECT encode(uuid_send({column}), 'hex') FROM {table} ORDER BY id DESC OFFSET 1000 LIMIT 1"


def measure(bench: Bench) -> dict[str, Any]:
    """Return in each round the milliseconds that a client on this machine waits for a page, their median by page."""
    with bench.environment() as environment:
        account = subscribe(environment, endpoints(bench.sink.url))
        finish(environment, bench.sizes.finished)
        environment.ask(_STATISTICS)
        environment.ask("ANALYZE")
        environment.start_api()
        _, key = environment.with_store(lambda database: ApiKeyStore(database).create(None, ["admin"]))
        with httpx.Client(base_url=environment.api_url, headers={"Origin": environment.api_url}) as client:
            client.post("/dashboard/sign-in", data={"key": key})
            pages = _pages(environment, account)
            rounds = [
                {name: _milliseconds(client, path) for name, path in pages.items()} for _ in range(bench.sizes.rounds)
            ]
    return {"deliveries": bench.sizes.finished, "rounds": rounds}


def _pages(environment: BenchEnvironment, account: AccountId) -> dict[str, str]:
    base = f"/dashboard/{account}"
    webhook = environment.ask("SELECT encode(uuid_send(id), 'hex') FROM webhooks ORDER BY id LIMIT 1")
    event = environment.ask(_ONE.format(column="event_id", table="deliveries"))
    delivery = environment.ask(_ONE.format(column="id", table="deliveries"))
    return {
        "overview": f"{base}/",
        "events": f"{base}/events",
        "events, failed": f"{base}/events?status=failed",
        "event": f"{base}/events/evt_{event}",
        "delivery": f"{base}/deliveries/dlv_{delivery}",
        "webhooks": f"{base}/webhooks",
        "webhook": f"{base}/webhooks/wh_{webhook}",
        "webhook, 30 days": f"{base}/webhooks/wh_{webhook}?period=30d",
        "event types": f"{base}/event-types",
        "alerts": f"{base}/alerts",
        "API keys": f"{base}/api-keys",
        "accounts": "/dashboard/accounts",
        "operations": "/dashboard/operations",
    }


def _milliseconds(client: httpx.Client, path: str) -> float:
    times = []
    for _ in range(_WARM_UP + LOOKS):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        times.append(1000 * (time.perf_counter() - began))
    return round(median(times[_WARM_UP:]), 1)
