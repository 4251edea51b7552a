"""How long an event takes from its publisher to its receiver, published by the clock."""

from typing import Any

from benchmarks.bench import Bench
from benchmarks.preload import endpoints, subscribe
from benchmarks.publishing import publish, spread_ms, warm_up


def measure(bench: Bench) -> dict[str, Any]:
    """Return the percentiles for each rate."""
    figures: dict[str, Any] = {}
    with bench.stage() as stage:
        key = stage.key_of(subscribe(stage, endpoints(bench.sink.url)))
        stage.start_api()
        stage.start_workers(1)
        warm_up(bench, stage, key)
        for rate in bench.sizes.latency_rates:
            published = publish(stage, key, bench.sizes.latency_seconds, "--rate", str(rate))
            latencies = published.latencies_ms(bench.arrivals_of_events(published.sent_at))
            figures[f"at_{rate}_per_second"] = {**spread_ms(latencies), "publisher_cpu": published.cpu}
    return figures
