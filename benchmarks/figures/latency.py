"""How long an event takes from its publisher to its receiver, published by the clock."""

from statistics import median
from typing import Any

from benchmarks.bench import Bench
from benchmarks.publishing import publish, spread_ms, warm_up
from benchmarks.seed import endpoints, subscribe


def measure(bench: Bench) -> dict[str, Any]:
    """Return the percentiles for each rate: the medians, and each of the rounds, in which the rates take turns."""
    rounds: dict[int, list[dict[str, float]]] = {rate: [] for rate in bench.sizes.latency_rates}
    with bench.environment() as environment:
        key = environment.key_of(subscribe(environment, endpoints(bench.sink.url)))
        environment.start_api()
        environment.start_workers(1)
        warm_up(bench, environment, key)
        for _ in range(bench.sizes.rounds):
            for rate, measured in rounds.items():
                published = publish(environment, key, bench.sizes.latency_seconds, "--rate", str(rate))
                latencies = published.latencies_ms(bench.arrivals_of_events(published.sent_at))
                measured.append({**spread_ms(latencies), "publisher_cpu": published.cpu})
    return {
        f"at_{rate}_per_second": {name: median(each[name] for each in measured) for name in measured[0]}
        | {"rounds": measured}
        for rate, measured in rounds.items()
    }
