"""How many single events a second are published, delivered and settled for as long as one likes: no backlog grows."""

from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.preload import endpoints, subscribe
from benchmarks.publishing import publish, spread_ms, warm_up

ON_THE_WAY_AT_MOST: Final = 1000
_SPAN: Final = "SELECT extract(epoch FROM max(ended_at) - to_timestamp($1))::float8 FROM attempts"


def measure(bench: Bench) -> dict[str, Any]:
    """Return events a second, the raw limit beside it, round by round."""
    rounds = []
    for _ in range(bench.sizes.rounds):
        raw = bench.raw_per_second(bench.sizes.drained)
        rounds.append({"raw_per_second": round(raw), **_round(bench)})
    return {"rounds": rounds}


def _round(bench: Bench) -> dict[str, Any]:
    with bench.stage() as stage:
        account = subscribe(stage, endpoints(bench.sink.url))
        stage.start_api()
        stage.start_workers(1)
        key = stage.key_of(account)
        options = ["--on-the-way-at-most", str(ON_THE_WAY_AT_MOST), "--arrivals", str(bench.sink.log)]
        warm_up(bench, stage, key)
        before = stage.cpu()
        published = publish(stage, key, bench.sizes.end_to_end_seconds, *options)
        stage.wait_until_drained()
        cost = stage.cost_since(before, published.count)
        seconds = stage.ask(_SPAN, min(published.sent_at.values()))
        arrivals = bench.arrivals_of_events(published.sent_at)
        return {
            "events_per_second": round(published.count / seconds),
            "events": published.count,
            "refused": published.refused,
            "publisher_cpu": published.cpu,
            "cpu_microseconds_per_event": cost,
            "latency_ms": spread_ms(published.latencies_ms(arrivals)),
        }
