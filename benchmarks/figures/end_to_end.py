"""How many single events a second are published, delivered and settled for as long as one likes: no backlog grows."""

from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.publishing import publish, spread_ms, warm_up
from benchmarks.seed import endpoints, subscribe

ON_THE_WAY_AT_MOST: Final = 1000
_SPAN: Final = "SELECT extract(epoch FROM max(ended_at) - to_timestamp($1))::float8 FROM attempts"


def measure(bench: Bench) -> dict[str, Any]:
    """Return events a second, the raw limit beside it, round by round."""
    rounds = []
    for _ in range(bench.sizes.rounds):
        raw = bench.raw_per_second(bench.sizes.drained)
        rounds.append({"raw_per_second": round(raw), **publish_and_settle(bench)})
    return {"rounds": rounds}


def publish_and_settle(bench: Bench) -> dict[str, Any]:
    """Measure one round: events a second, what each part's CPU took for one, and how long they were on their way."""
    with bench.environment() as environment:
        account = subscribe(environment, endpoints(bench.sink.url))
        environment.start_api()
        environment.start_workers(1)
        key = environment.key_of(account)
        options = ["--on-the-way-at-most", str(ON_THE_WAY_AT_MOST), "--arrivals", str(bench.sink.log)]
        warm_up(bench, environment, key)
        before = environment.cpu()
        published = publish(environment, key, bench.sizes.end_to_end_seconds, *options)
        environment.wait_until_drained()
        cost = environment.cost_since(before, published.count)
        seconds = environment.ask(_SPAN, min(published.sent_at.values()))
        arrivals = bench.arrivals_of_events(published.sent_at)
        return {
            "events_per_second": round(published.count / seconds),
            "events": published.count,
            "refused": published.refused,
            "publisher_cpu": published.cpu,
            "cpu_microseconds_per_event": cost,
            "latency_ms": spread_ms(published.latencies_ms(arrivals)),
        }
