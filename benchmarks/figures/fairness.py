"""What one account's flood costs another that publishes a little: its latency, against the same without the flood."""

from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.publishing import middle_round, publish, publisher, spread_ms, warm_up
from benchmarks.seed import endpoints, store_events, subscribe

RATE: Final = 20

_EVENTS_OF: Final = """
    SELECT array_agg('evt_' || replace(event_id::text, '-', '')) FROM deliveries WHERE id = ANY($1::uuid[])
"""


def measure(bench: Bench) -> dict[str, Any]:
    """Return the small account's latencies, alone and beside a flood of another, and how long the flood took."""
    rounds = [_round(bench) for _ in range(bench.sizes.rounds)]
    return {"flood": bench.sizes.flood, **middle_round(rounds, "beside_ms", "alone_ms"), "rounds": rounds}


def _round(bench: Bench) -> dict[str, Any]:
    seconds = bench.sizes.fairness_seconds
    with bench.environment() as environment:
        flooding = subscribe(environment, endpoints(f"{bench.sink.url}/flood"))
        key = environment.key_of(subscribe(environment, endpoints(bench.sink.url)))
        environment.start_api()
        environment.start_workers(1)
        warm_up(bench, environment, key)
        alone = publish(environment, key, seconds, "--rate", str(RATE))
        alone_ms = spread_ms(alone.latencies_ms(bench.arrivals_of_events(alone.sent_at)))
        with publisher(environment, key, seconds, "--rate", str(RATE)) as running:
            flood = store_events(environment, flooding, bench.sizes.flood)
            environment.enqueue(flood, flooding)
            beside = running.report()
        environment.wait_until_drained()
        flooded = environment.ask(_EVENTS_OF, [each.removeprefix("dlv_") for each in flood])
        arrivals = bench.arrivals_of_events([*flooded, *beside.sent_at])
    beside_ms = spread_ms(beside.latencies_ms(arrivals))
    floods = [each.at for each in arrivals if each.path.startswith("/flood")]
    return {"alone_ms": alone_ms, "beside_ms": beside_ms, "flood_seconds": round(max(floods) - min(floods), 1)}
