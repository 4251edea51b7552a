"""What one account's flood costs another that publishes a little: its latency, against the same without the flood."""

from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.preload import endpoints, store_events, subscribe
from benchmarks.publishing import publish, publisher, spread_ms

RATE: Final = 20


def measure(bench: Bench) -> dict[str, Any]:
    """Return the small account's latencies, alone and beside a flood of another."""
    seconds = bench.sizes.fairness_seconds
    with bench.stage() as stage:
        flooding = subscribe(stage, endpoints(f"{bench.sink.url}/flood"))
        key = stage.key_of(subscribe(stage, endpoints(bench.sink.url)))
        stage.start_api()
        stage.start_workers(1)
        alone = publish(stage, key, seconds, "--rate", str(RATE))
        alone_ms = spread_ms(alone.latencies_ms(bench.arrivals_of_events(alone.sent_at)))
        with publisher(stage, key, seconds, "--rate", str(RATE)) as running:
            flood = store_events(stage, flooding, bench.sizes.flood)
            stage.ring(flood, flooding)
            beside = running.report()
        stage.wait_until_drained()
        events = stage.ask("SELECT array_agg('evt_' || replace(event_id::text, '-', '')) FROM deliveries")
        ours = [each for each in events if each not in alone.sent_at]
        beside_ms = spread_ms(beside.latencies_ms(bench.arrivals_of_events(ours)))
    return {"flood": bench.sizes.flood, "alone_ms": alone_ms, "beside_ms": beside_ms}
