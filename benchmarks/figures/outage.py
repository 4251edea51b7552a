"""What the others feel when an endpoint comes back for which very many failed deliveries are due."""

from datetime import timedelta
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.environment import BenchEnvironment
from benchmarks.publishing import middle_round, publish, publisher, spread_ms, warm_up
from benchmarks.seed import endpoints, park, subscribe

RATE: Final = 200
COMES_BACK_AFTER: Final = timedelta(seconds=15)

_COME_DUE: Final = """
    UPDATE deliveries SET due_at = now() + $1::interval, sweep_at = date_trunc('second', now() + $1::interval)
    WHERE state = 'scheduled'
"""
_IS_NEARLY_DUE: Final = "SELECT min(sweep_at) < now() + interval '1 second' FROM deliveries"


def measure(bench: Bench) -> dict[str, Any]:
    """Return the latency of the others' events, usually and meanwhile, and how fast the overdue ones went."""
    rounds = [_round(bench) for _ in range(bench.sizes.rounds)]
    return {**middle_round(rounds, "meanwhile_ms", "usual_ms"), "rounds": rounds}


def _round(bench: Bench) -> dict[str, Any]:
    with bench.environment() as environment:
        subscribe(environment, [f"{bench.sink.url}/back"])
        park(environment, bench.sizes.outage, after=timedelta(hours=1), spread=timedelta(0))
        environment.ask("UPDATE webhooks SET events = '{none}'")
        key = environment.key_of(subscribe(environment, endpoints(bench.sink.url)))
        environment.start_api()
        environment.start_workers(1)
        warm_up(bench, environment, key)
        usual = _latency(bench, environment, key)
        meanwhile = _while_it_comes_back(bench, environment, key)
    return {"usual_ms": usual, **meanwhile}


def _latency(bench: Bench, environment: BenchEnvironment, key: str) -> dict[str, float]:
    published = publish(environment, key, bench.sizes.outage_seconds, "--rate", str(RATE))
    return spread_ms(published.latencies_ms(bench.arrivals_of_events(published.sent_at)))


def _while_it_comes_back(bench: Bench, environment: BenchEnvironment, key: str) -> dict[str, Any]:
    # they come due all at once, but by the clock: writing that takes a while, and is no part of what is measured
    environment.ask(_COME_DUE, COMES_BACK_AFTER)
    environment.ask("VACUUM deliveries")
    environment.ask("CHECKPOINT")
    environment.wait(lambda: environment.ask(_IS_NEARLY_DUE), "the endpoint is about to come back")
    with publisher(environment, key, bench.sizes.outage_seconds, "--rate", str(RATE)) as running:
        published = running.report()
    environment.wait_until_drained()
    parked = environment.ask(
        "SELECT array_agg('evt_' || replace(id::text, '-', '')) FROM events WHERE type = 'order.parked'"
    )
    arrivals = bench.arrivals_of_events([*parked, *published.sent_at])
    late = [each.at for each in arrivals if each.path == "/back"]
    return {
        "meanwhile_ms": spread_ms(published.latencies_ms(arrivals)),
        "overdue_per_second": round(len(late) / (max(late) - min(late))),
    }
