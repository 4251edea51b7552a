"""What one account's flood costs another that publishes a little: its latency, against the same without the flood."""

from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.preload import endpoints, store_events, subscribe
from benchmarks.publishing import middle_round, publish, publisher, spread_ms, warm_up

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
    with bench.stage() as stage:
        flooding = subscribe(stage, endpoints(f"{bench.sink.url}/flood"))
        key = stage.key_of(subscribe(stage, endpoints(bench.sink.url)))
        stage.start_api()
        stage.start_workers(1)
        warm_up(bench, stage, key)
        alone = publish(stage, key, seconds, "--rate", str(RATE))
        alone_ms = spread_ms(alone.latencies_ms(bench.arrivals_of_events(alone.sent_at)))
        with publisher(stage, key, seconds, "--rate", str(RATE)) as running:
            flood = store_events(stage, flooding, bench.sizes.flood)
            stage.ring(flood, flooding)
            beside = running.report()
        stage.wait_until_drained()
        flooded = stage.ask(_EVENTS_OF, [each.removeprefix("dlv_") for each in flood])
        arrivals = bench.arrivals_of_events([*flooded, *beside.sent_at])
    beside_ms = spread_ms(beside.latencies_ms(arrivals))
    floods = [each.at for each in arrivals if each.path.startswith("/flood")]
    return {"alone_ms": alone_ms, "beside_ms": beside_ms, "flood_seconds": round(max(floods) - min(floods), 1)}
