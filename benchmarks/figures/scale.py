"""Whether a delivery costs the same with very many webhooks, very many finished deliveries, or very many receivers."""

import time
from statistics import median
from typing import Any

import httpx

from benchmarks.bench import Bench
from benchmarks.figures.drain import drain, drain_stored
from benchmarks.seed import endpoints, finish, subscribe, type_of


def measure(bench: Bench) -> dict[str, Any]:
    """Return the drain in each case against the plain one, by worker processes, and one event to many webhooks."""
    rounds = [
        {
            "plain": drain(bench, workers=1).per_second,
            "many_finished": _with_finished(bench),
            "many_webhooks": _with_webhooks(bench),
            "two_workers": drain(bench, workers=2).per_second,
            "four_workers": drain(bench, workers=4).per_second,
        }
        for _ in range(bench.sizes.rounds)
    ]
    ratios = {name: round(median(each[name] / each["plain"] for each in rounds), 3) for name in rounds[0]}
    return {"drain_per_second": rounds, "against_plain": ratios, "fan_out": _fan_out(bench)}


def _with_finished(bench: Bench) -> int:
    with bench.environment() as environment:
        subscribe(environment, endpoints(bench.sink.url))
        finish(environment, bench.sizes.finished)
        environment.ask("UPDATE webhooks SET events = '{none}'")
        return drain_stored(bench, environment, workers=1).per_second


def _with_webhooks(bench: Bench) -> int:
    with bench.environment() as environment:
        subscribe(environment, endpoints(f"{bench.sink.url}/other", bench.sizes.webhooks))
        return drain_stored(bench, environment, workers=1).per_second


def _fan_out(bench: Bench) -> dict[str, Any]:
    """Publish one event that very many webhooks want."""
    count = bench.sizes.fan_out
    with bench.environment() as environment:
        account = subscribe(environment, [f"{bench.sink.url}/{number}" for number in range(count)])
        environment.ask("UPDATE webhooks SET events = ARRAY[$1]", type_of(0))
        environment.start_api()
        environment.start_workers(1)
        headers = {"Authorization": f"Bearer {environment.key_of(account)}"}
        began = time.perf_counter()
        answer = httpx.post(f"{environment.api_url}/v1/events", json={"type": type_of(0), "data": {}}, headers=headers)
        accepted = time.perf_counter() - began
        environment.wait_until_drained()
        deliveries = environment.ask("SELECT array_agg('dlv_' || replace(id::text, '-', '')) FROM deliveries")
        arrivals = bench.arrivals_of_deliveries(deliveries)
        return {
            "webhooks": answer.json()["webhooks"],
            "accepted_in_seconds": round(accepted, 3),
            "arrived_per_second": round(
                count / (max(each.at for each in arrivals) - min(each.at for each in arrivals))
            ),
            "memory_mb": round(environment.memory_mb()),
        }
